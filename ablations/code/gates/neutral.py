"""Values that do nothing: zeros, ones, the identity, and empty holders."""

import ast

from ablations.code.source.names import callee, dotted

ZEROS, ONES = frozenset({"zeros", "zeros_like", "new_zeros"}), frozenset({"ones", "ones_like"})
HOLDERS = frozenset({"Sequential", "ModuleList"})
"""Modules that only hold what is given to them."""
_COPIES = frozenset({"clone", "contiguous"})
"""Methods that hand their object on as it is. `float` is none: it gives some values another type."""


def stripped(value: ast.expr) -> ast.expr:
    """Return a value without what hands it on as it is, and of a lambda what it returns."""
    match value:
        case ast.Lambda(body=body):
            return stripped(body)
        case ast.Call(func=ast.Attribute(value=inner, attr=name), args=[], keywords=[]) if name in _COPIES:
            return stripped(inner)
    return value


def is_zero(value: ast.expr) -> bool:
    """Return whether a value is zero, or zeros."""
    return _is_number(value, 0) or _named(value) in ZEROS


def is_one(value: ast.expr) -> bool:
    """Return whether a value is one, or ones."""
    return _is_number(value, 1) or _named(value) in ONES


def is_nothing(value: ast.expr) -> bool:
    """Return whether a value is None, or an identity module or function, or an empty holder of modules."""
    match value:
        case ast.Constant(value=None):
            return True
        case ast.Lambda(args=ast.arguments(args=[argument]), body=body):
            return dotted(stripped(body)) == argument.arg
        case ast.Call(args=args, keywords=[]) if callee(value) in HOLDERS:
            return all(is_nothing(arg) for arg in args)
        case ast.Call():
            return callee(value) == "Identity"
        case ast.Attribute():
            return dotted(value) in ("torch.clone", "nn.Identity", "torch.nn.Identity")
    return False


def is_empty(value: ast.expr) -> bool:
    """Return whether a value is an empty list, tuple, dict or text."""
    match value:
        case ast.List(elts=[]) | ast.Tuple(elts=[]) | ast.Dict(keys=[]) | ast.Constant(value=""):
            return True
    return False


def is_collection(value: ast.expr) -> bool:
    """Return whether a value is written as a list, tuple, dict or text."""
    is_text = isinstance(value, ast.Constant) and isinstance(value.value, str)
    return is_text or isinstance(value, ast.List | ast.Tuple | ast.Dict | ast.ListComp | ast.DictComp)


def is_flag(value: ast.expr) -> bool:
    """Return whether a value is True or False."""
    return isinstance(value, ast.Constant) and isinstance(value.value, bool)


def _named(value: ast.expr) -> str:
    """The function that a value calls, or is."""
    return callee(value) if isinstance(value, ast.Call) else (dotted(value) or "").rpartition(".")[2]


def _is_number(value: ast.expr, number: int) -> bool:
    return isinstance(value, ast.Constant) and type(value.value) in (int, float) and value.value == number
