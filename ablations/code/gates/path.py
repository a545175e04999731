"""Does what flows through the component still flow past it?"""

import ast
from collections.abc import Iterable, Iterator
from typing import ClassVar

from ablations.code.gates.base import Gate
from ablations.code.gates.case import Case
from ablations.code.gates.operations import PASSING
from ablations.code.source.annotations import Kind
from ablations.code.source.names import callee, dotted
from ablations.code.source.uses import Uses

_ZEROS, _ONES = frozenset({"zeros", "zeros_like", "new_zeros"}), frozenset({"ones", "ones_like"})
_SAME = frozenset({"clone", "contiguous", "float"})


class Path(Gate):
    """Taking a component away may not cut what comes before it.

    Where the component computed a name from its own former value, as in `x = x + skip` or `x = self.norm(x)`, that
    value stays: `x = skip` would take the other side away. Zeros may stand only for what is only added elsewhere, and
    ones for what is only multiplied: `self.norm` as zeros would take everything before it away.
    """

    name: ClassVar[str] = "path"
    question: ClassVar[str] = "Does what flows through the component still flow?"

    def of_source(self, case: Case) -> str | None:
        """Judge the documents alone."""
        tree = case.old(case.component.file)
        old, uses = case.old_nodes(), Uses(tree, case.component.region(tree))
        before, kept = dict(_assigned(old)), {ast.dump(node) for root in old for node in ast.walk(root)}
        for root in case.replacement():
            if ast.dump(root) in kept:
                continue
            if isinstance(root, ast.expr) and not isinstance(root, ast.Constant) and _is_zero(_stripped(root)):
                return (
                    f"{ast.unparse(root)} stands in a list in place of the component: what comes before it is cut off"
                )
            for target, value in _assigned([root]):
                if target not in before:
                    continue
                if other := (_read(value) & set(before)) - _read(before[target]) - {target}:
                    return f"{target} is made of {', '.join(sorted(map(str, other)))}, and was not before"
                problem = _problem(target, before[target], value, uses, hint=case.component.kind is Kind.HINT)
                if problem is not None:
                    return problem
        return None


def _problem(target: str, old: ast.expr, new: ast.expr, uses: Uses, *, hint: bool) -> str | None:
    value = _stripped(new)
    if hint and (other := _calls(value) - _calls(old)):
        return f"{target} becomes {ast.unparse(value)[:80]}: {', '.join(sorted(other))} did not make it before"
    if not isinstance(old, ast.Constant):
        for filled, operators, word in ((_is_zero, (ast.Add, ast.Sub), "added"), (_is_one, (ast.Mult,), "multiplied")):
            if filled(value) and not uses.only_operands(target, operators):
                return (
                    f"{target} becomes {ast.unparse(value)}, and it is not only {word}: what comes before it is cut off"
                )
    if target not in _read(old) or _is_zero(value) or _is_one(value):
        return None
    stays = target in _read(value) if hint else dotted(value) == target
    return None if stays else f"{target} becomes {ast.unparse(value)[:80]}, and its own former value is lost"


def _assigned(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    """Yield target and value of each assignment of one name; `x += y` has the value `x + y`."""
    for root in nodes:
        for node in ast.walk(root):
            match node:
                case ast.Assign(targets=[ast.Tuple(elts=names)], value=value):
                    values = value.elts if isinstance(value, ast.Tuple) else [value] * len(names)
                    for target, each in zip(names, values, strict=False):
                        yield dotted(target) or "?", each
                case (
                    ast.Assign(targets=[target], value=value) | ast.AnnAssign(target=target, value=ast.expr() as value)
                ):
                    yield dotted(target) or "?", value
                case ast.Return(value=ast.expr() as value):
                    yield "return", value
                case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
                    yield name, ast.BinOp(ast.Name(name, ast.Load()), op, value)


def _stripped(value: ast.expr) -> ast.expr:
    """A value without what hands it on as it is, and of a lambda what it returns."""
    match value:
        case ast.Lambda(body=body):
            return _stripped(body)
        case ast.Call(func=ast.Attribute(value=inner, attr=name), args=[]) if name in _SAME:
            return _stripped(inner)
    return value


def _is_zero(value: ast.expr) -> bool:
    return _is(value, 0) or _named(value) in _ZEROS


def _is_one(value: ast.expr) -> bool:
    return _is(value, 1) or _named(value) in _ONES


def _named(value: ast.expr) -> str:
    """The function that a value calls, or is."""
    return callee(value) if isinstance(value, ast.Call) else (dotted(value) or "").rpartition(".")[2]


def _is(value: ast.expr, number: int) -> bool:
    return isinstance(value, ast.Constant) and type(value.value) in (int, float) and value.value == number


def _calls(value: ast.expr) -> set[str]:
    """The calls of a value that do something."""
    return {callee(node) for node in ast.walk(value) if isinstance(node, ast.Call)} - PASSING


def _read(value: ast.expr) -> set[str | None]:
    return {dotted(node) for node in ast.walk(value) if isinstance(node, ast.Name | ast.Attribute)}
