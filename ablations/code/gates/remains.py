"""What is left of a computation when operations are taken away, and nothing is put in their place.

Each statement that binds a name is read as one expression, with the values of names that the code bound above in their
places. So `y = drop(x)` and `x = x + part(y)` make `x` out of `x + part(drop(x))`, of which `x + part(x)` and `x` are
left; `x + x` is not, because it adds what was not added before.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ablations.code.gates.neutral import HOLDERS, is_nothing, is_one, is_zero, stripped
from ablations.code.source.names import bound_by, callee, dotted

_LIBRARIES = frozenset({"self", "cls", "super", "torch", "nn", "F", "np", "numpy", "math"})


@dataclass(frozen=True, slots=True)
class Assigned:
    """One assignment, or one return.

    Attributes:
        target: The name that is bound; `return` for a return, and `lr=` for a named argument.
        value: As it is written.
        whole: With the values of names put in their places.
    """

    target: str
    value: ast.expr
    whole: ast.expr


def assigned(nodes: Iterable[ast.AST]) -> list[Assigned]:
    """Return all assignments and returns, in order.

    Values are not put in where the code branches or repeats: there a name may have several.
    """
    found: list[Assigned] = []
    _collect(list(nodes), {}, found)
    return found


def is_left_of(new: ast.expr, old: ast.expr) -> bool:
    """Return whether an expression is what is left of another one."""
    return _Left().of(new, old)


class _Left:
    """Compares each pair of parts once: without that, the work doubles with every term of a sum."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], bool] = {}
        self._dumps: dict[int, str] = {}

    def of(self, new: ast.expr, old: ast.expr) -> bool:
        key = (id(new), id(old))
        if key not in self._known:
            self._known[key] = (
                self._same(new, old)
                or (type(new) is type(old) and self._alike(new, old))
                or any(self.of(new, part) for part in _parts(old))
            )
        return self._known[key]

    def _alike(self, new: ast.expr, old: ast.expr) -> bool:
        """Whether the operation is the same, and what it works on is left of what it worked on."""
        match new, old:
            case ast.Call(), ast.Call():
                return self._same(new.func, old.func) and (self._call_alike(new, old) or self._held(new, old))
            case ast.BinOp(), ast.BinOp() if type(new.op) is type(old.op):
                return self._sides_alike(new, old)
            case ast.UnaryOp(), ast.UnaryOp() if type(new.op) is type(old.op):
                return self.of(new.operand, old.operand)
            case ast.Subscript(), ast.Subscript() if self._same(new.slice, old.slice):
                return self.of(new.value, old.value)
            case ast.Attribute(), ast.Attribute() if new.attr == old.attr:
                return self.of(new.value, old.value)
            case (ast.List(elts=some), ast.List(elts=all_)) | (ast.Tuple(elts=some), ast.Tuple(elts=all_)):
                return self._is_subsequence(some, all_)
            case ast.Starred(), ast.Starred():
                return self.of(new.value, old.value)
        return False

    def _call_alike(self, new: ast.Call, old: ast.Call) -> bool:
        if len(new.args) != len(old.args) or [one.arg for one in new.keywords] != [one.arg for one in old.keywords]:
            return False
        pairs = [*zip(new.args, old.args, strict=True)]
        pairs += [(one.value, other.value) for one, other in zip(new.keywords, old.keywords, strict=True)]
        return all(self.of(*pair) for pair in pairs)

    def _held(self, new: ast.Call, old: ast.Call) -> bool:
        """Whether a holder of modules holds some of what it held."""
        return callee(new) in HOLDERS and not new.keywords and self._is_subsequence(new.args, old.args)

    def _is_subsequence(self, new: Sequence[ast.expr], old: Sequence[ast.expr]) -> bool:
        waiting = iter(old)
        return all(any(self.of(one, other) or is_nothing(one) for other in waiting) for one in new)

    def _sides_alike(self, new: ast.BinOp, old: ast.BinOp) -> bool:
        if self._same(new.left, new.right) and not self._same(old.left, old.right):
            return False
        neutral = is_zero if isinstance(new.op, ast.Add | ast.Sub) else is_one if isinstance(new.op, ast.Mult) else None
        left = self.of(new.left, old.left) or (neutral is not None and neutral(stripped(new.left)))
        right = self.of(new.right, old.right) or (neutral is not None and neutral(stripped(new.right)))
        return left and right

    def _same(self, one: ast.AST, other: ast.AST) -> bool:
        return self._dump(one) == self._dump(other)

    def _dump(self, node: ast.AST) -> str:
        if id(node) not in self._dumps:
            self._dumps[id(node)] = ast.dump(node)
        return self._dumps[id(node)]


def _parts(old: ast.expr) -> Iterator[ast.expr]:
    """What an operation hands on when it is taken away: of a call its first argument, or what its method belongs to.

    A later argument is what the call works with, such as the labels: they are no value to go on with. Neither is a
    number.
    """
    match old:
        case ast.Call():
            yield from (arg for arg in old.args[:1] if _is_handed_on(arg))
            receiver = old.func.value if isinstance(old.func, ast.Attribute) else None
            if receiver is not None and (dotted(receiver) or "").partition(".")[0] not in _LIBRARIES:
                yield receiver
        case ast.BinOp(op=ast.Add() | ast.Mult()):
            yield from (side for side in (old.left, old.right) if _is_handed_on(side))
        case ast.BinOp(op=ast.Sub() | ast.Div() | ast.Pow() | ast.FloorDiv() | ast.Mod()):
            yield from (side for side in (old.left,) if _is_handed_on(side))
        case ast.Subscript(value=value):
            yield value
        case ast.IfExp(body=body, orelse=otherwise):
            yield from (body, otherwise)


def _is_handed_on(part: ast.expr) -> bool:
    return not isinstance(part, ast.Constant)


def _collect(nodes: Sequence[ast.AST], known: dict[str, ast.expr], found: list[Assigned]) -> None:
    for node in nodes:
        for target, value in _bindings(node):
            whole = _put_in(value, known)
            found.append(Assigned(target, value, whole))
            known[target] = whole
        for body in _bodies(node):
            inner = {name: value for name, value in known.items() if name not in set(bound_by([node]))}
            _collect(body, inner, found)
            for name in bound_by([node]):
                known.pop(name, None)


def _bindings(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    match node:
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=value):
            values = value.elts if isinstance(value, ast.Tuple) else [value] * len(targets)
            for target, each in zip(targets, values, strict=False):
                yield dotted(target) or "?", each
        case ast.Assign(targets=[target], value=value) | ast.AnnAssign(target=target, value=ast.expr() as value):
            yield dotted(target) or "?", value
        case ast.Return(value=ast.expr() as value):
            yield "return", value
        case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
            yield name, ast.BinOp(ast.Name(name, ast.Load()), op, value)
        case ast.keyword(arg=str(name), value=value):
            yield f"{name}=", value


def _bodies(node: ast.AST) -> Iterator[Sequence[ast.AST]]:
    for name in ("body", "orelse", "finalbody"):
        body = getattr(node, name, None)
        if isinstance(body, list) and body:
            yield body


def _put_in(value: ast.expr, known: Mapping[str, ast.expr]) -> ast.expr:
    """A copy of a value with the values of names in their places, as long as it stays small."""
    whole = _Putting(known).visit(_copy(value))
    return whole if sum(1 for _ in ast.walk(whole)) <= _LARGEST else value


_LARGEST = 400
"""Nodes of an expression."""


def _copy(value: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(value), mode="eval").body


class _Putting(ast.NodeTransformer):
    def __init__(self, known: Mapping[str, ast.expr]) -> None:
        self._known = known

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._known.get(node.id, node) if isinstance(node.ctx, ast.Load) else node

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        name = dotted(node)
        if name is not None and name in self._known and isinstance(node.ctx, ast.Load):
            return self._known[name]
        self.generic_visit(node)
        return node
