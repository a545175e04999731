"""Does what stands in the component's place do nothing by itself?"""

import ast
from collections.abc import Iterator, Sequence
from typing import ClassVar

from ablations.code.gates.base import Gate
from ablations.code.gates.case import Case
from ablations.code.gates.operations import MAKING, PASSING, SHAPING
from ablations.code.source.annotations import Kind
from ablations.code.source.names import bound_by, callee, dotted

_NEUTRAL = (0, 1, None, "", ())
"""Constants that may stand anywhere; -1 is written with an operator, and is a dimension."""
_LIBRARIES = frozenset({"torch", "nn", "F", "functional", "np", "numpy", "math", "self", "super"})
_PARTS = frozenset({"nn", "functional", "float32", "float64", "int64", "long"})
"""What may be read of a library, besides its functions that only hand on."""
_SHAPES = frozenset({"shape", "dtype", "device", "ndim"})
_STATEMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Pass)
_BLOCKS = (ast.Return, ast.If, ast.For, ast.With, ast.FunctionDef, ast.ClassDef)

_PLAIN = (ast.Name, ast.Attribute, ast.Call, ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Lambda, ast.Starred)


class Replacement(Gate):
    """Reads what stands in the region word by word.

    It may hand on, or give zeros or ones (`operations.PASSING`), read what the component read, and bind what the
    component bound. What only moves values may stay, and in a hint's block calls and operators; `path` judges what is
    made of them. Everything else is refused: other calls, names, constants and kinds of statements and expressions.
    """

    name: ClassVar[str] = "replacement"
    question: ClassVar[str] = "Does what replaces the component do nothing by itself?"

    def of_source(self, case: Case) -> str | None:
        """Judge the documents alone."""
        old, new = case.old_nodes(), case.replacement()
        trees = [tree for _, tree, _ in case.pairs()]
        allowed = _Allowed(old, own_names(trees), hint=case.component.kind is Kind.HINT)
        for root in new:
            for problem in allowed.problems(root):
                return f"in place of {case.component.name}, {problem}"
        return None


class _Allowed:
    """What a component's own code allows in its place."""

    def __init__(self, old: list[ast.AST], own: frozenset[str], *, hint: bool) -> None:
        inside = [node for root in old for node in ast.walk(root)]
        self._calls = [node for node in inside if isinstance(node, ast.Call)] if hint else []
        self._kinds = _STATEMENTS + tuple(kind for kind in _BLOCKS if any(isinstance(node, kind) for node in inside))
        self._operators = {type(node.op) for node in inside if isinstance(node, ast.BinOp)} if hint else set()
        self._updates = {type(node.op) for node in inside if isinstance(node, ast.AugAssign)}
        self._passing = (PASSING | SHAPING & {callee(node) for node in inside if isinstance(node, ast.Call)}) - own
        self._bound = set(bound_by(old))
        self._read = {dotted(node) for node in inside if isinstance(node, ast.Name | ast.Attribute)} | self._bound
        self._constants = [node.value for node in inside if isinstance(node, ast.Constant)]
        self._had = {ast.dump(node) for node in inside}

    def problems(self, root: ast.AST) -> Iterator[str]:
        """Yield what is wrong with a node, in the order of the tree."""
        parameters = {arg.arg for node in ast.walk(root) if isinstance(node, ast.Lambda) for arg in node.args.args}
        yield from self._statement(root)
        for node in ast.walk(root):
            yield from self._bindings(node)
            yield from self._value(node, parameters)

    def _statement(self, root: ast.AST) -> Iterator[str]:
        for node in ast.walk(root):
            if isinstance(node, ast.stmt) and not isinstance(node, self._kinds):
                yield f"there is a new {_word(node)} statement"
            if isinstance(node, ast.Assign) and len(node.targets) > 1 and ast.dump(node) not in self._had:
                yield f"`{ast.unparse(node)[:80]}` binds several names at once"
            if isinstance(node, ast.AugAssign) and type(node.op) not in self._updates:
                yield f"`{ast.unparse(node)[:80]}` computes something new"
            if isinstance(node, ast.Lambda) and len(ast.unparse(node.args).split(",")) + len(node.args.defaults) != 1:
                yield "there is a lambda that takes more than what it hands on"
            if isinstance(node, ast.Expr) and not self._does_nothing(node):
                yield f"there is the statement `{ast.unparse(node)[:80]}`, which binds nothing"
            if (header := _header(node)) is not None and not header <= self._had:
                yield f"`{ast.unparse(node).splitlines()[0][:80]}` is another {_word(node)} than the component had"
            if isinstance(node, ast.expr) and not self._is_plain(node):
                yield f"there is a new {_word(node)} expression, `{ast.unparse(node)[:80]}`"

    def _is_plain(self, node: ast.expr) -> bool:
        is_negative = isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant)
        if isinstance(node, ast.Subscript | ast.BinOp) and isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
            return True  # written to: said by `_bindings`
        return isinstance(node, _PLAIN) or is_negative or ast.dump(node) in self._had or self._had_operator(node)

    def _had_operator(self, node: ast.expr) -> bool:
        """Whether a hint's block has such an operation: its sides are judged by themselves."""
        return isinstance(node, ast.BinOp) and type(node.op) in self._operators

    def _does_nothing(self, node: ast.Expr) -> bool:
        return isinstance(node.value, ast.Constant) or ast.dump(node) in self._had

    def _bindings(self, node: ast.AST) -> Iterator[str]:
        match node:
            case ast.Subscript(ctx=ast.Store() | ast.Del()) if ast.dump(node) not in self._had:
                yield f"`{ast.unparse(node)}` is written to"
            case ast.Name(ctx=ast.Store() | ast.Del()) | ast.Attribute(ctx=ast.Store() | ast.Del()):
                if (name := dotted(node)) is None or name not in self._bound:
                    yield f"{name or ast.unparse(node)} is bound, which the component did not bind"

    def _value(self, node: ast.AST, known: set[str]) -> Iterator[str]:
        match node:
            case ast.Call() if not self._may_call(node):
                yield f"`{ast.unparse(node)[:80]}` is called, which is not known to do nothing"
            case ast.Constant(value=value) if not self._may_be(value):
                yield f"there is the new value {value!r}"
            case ast.Name(id=name, ctx=ast.Load()) if name not in self._read | known | _LIBRARIES | self._passing:
                yield f"{name} is read, which the component did not read"
            case ast.Attribute(value=inner, attr=attribute, ctx=ast.Load()):
                is_library = attribute in _PARTS and self._is_library(inner)
                if not (dotted(node) in self._read or attribute in _SHAPES | self._passing or is_library):
                    yield f"{ast.unparse(node)[:80]} is read, which the component did not read"

    def _may_call(self, call: ast.Call) -> bool:
        """Whether a call does nothing, or a hint's block had one of the same function."""
        if callee(call) in MAKING:
            return ast.dump(call) in self._had
        return callee(call) in self._passing or any(ast.dump(had.func) == ast.dump(call.func) for had in self._calls)

    def _may_be(self, value: object) -> bool:
        same = [known for known in (*_NEUTRAL, *self._constants) if type(known) is type(value) and known == value]
        is_number = type(value) in (int, float, bool) and value in (0, 1)
        return bool(same) or is_number or value is Ellipsis

    @staticmethod
    def _is_library(node: ast.AST) -> bool:
        return dotted(node) in {"torch", "nn", "torch.nn", "F", "torch.nn.functional", "np", "numpy", "math"}


def own_names(trees: Sequence[ast.Module]) -> frozenset[str]:
    """Return the last parts of all names that scripts bind themselves, and not by importing them from a library."""
    imported = {
        alias.name
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in ("torch", "numpy")
        for alias in node.names
        if alias.asname in (None, alias.name)
    }
    return frozenset(name.rpartition(".")[2] for name in bound_by(trees)) - imported


def _header(node: ast.AST) -> set[str] | None:
    """What decides how often, or by which arguments, the statements in a block run."""
    match node:
        case ast.For(target=target, iter=each):
            return {ast.dump(target), ast.dump(each)}
        case ast.If(test=test):
            return {ast.dump(test)}
        case ast.With(items=items):
            return {ast.dump(item) for item in items}
        case ast.FunctionDef(args=args, decorator_list=decorators):
            return {ast.dump(args), *map(ast.dump, decorators)}
        case ast.ClassDef(bases=bases, keywords=keywords, decorator_list=decorators):
            return {ast.dump(each) for each in (*bases, *keywords, *decorators)}
    return None


def _word(node: ast.AST) -> str:
    return type(node).__name__.lower()
