"""Does what flows through the component still flow past it, and nothing else?"""

import ast
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from ablations.code.gates.base import Gate
from ablations.code.gates.case import Case
from ablations.code.gates.neutral import is_collection, is_empty, is_flag, is_nothing, is_one, is_zero, stripped
from ablations.code.gates.remains import Assigned, assigned, is_left_of
from ablations.code.source.annotations import Kind
from ablations.code.source.names import dotted
from ablations.code.source.uses import Uses

_SUM, _PRODUCT = (ast.Add, ast.Sub), (ast.Mult,)


class Path(Gate):
    """Taking a component away may not cut what comes before it, and may put nothing in its place.

    What a name is made of has to be left of what it was made of (`remains`), or nothing: zeros where they are only
    added elsewhere, ones where they are only multiplied, None, the identity. Where the component computed a name from
    its own former value, as in `x = x + skip`, that value stays: `x = skip` would take the other side away.
    """

    name: ClassVar[str] = "path"
    question: ClassVar[str] = "Does what flows through the component still flow, and nothing else?"

    def of_source(self, case: Case) -> str | None:
        """Judge the documents alone."""
        tree = case.old(case.component.file)
        uses = Uses(tree, case.component.region(tree))
        before: dict[str, list[Assigned]] = {}
        for one in assigned(case.old_nodes()):
            before.setdefault(one.target, []).append(one)
        after = assigned(case.replacement())
        if (name := _fallen_back(before, {one.target for one in after}, uses)) is not None:
            return f"{name} is no longer made here, and what it was before goes on in its place"
        for one in after:
            if one.target in before:
                if (other := _other(one, before)) is not None:
                    return f"{one.target} is made of {other}, and was not before"
                olds = [old.whole for old in before[one.target]]
                problem = _problem(one.target, olds, one.whole, uses, hint=case.component.kind is Kind.HINT)
                if problem is not None:
                    return problem
        return None


def _fallen_back(before: Mapping[str, Sequence[Assigned]], after: set[str], uses: Uses) -> str | None:
    """A name that other code binds too, that the component made of other values, and that nothing makes now."""
    for name, olds in before.items():
        is_own = name in _read([olds[0].whole])
        if name not in after and not is_own and uses.is_bound_elsewhere(name):
            return name
    return None


def _other(new: Assigned, before: Mapping[str, Sequence[Assigned]]) -> str | None:
    """Another name of the component's that now stands for two of them."""
    name = dotted(stripped(new.value))
    read = _read([old.value for old in before[new.target]])
    return name if name in before and name != new.target and name not in read else None


def _problem(target: str, olds: Sequence[ast.expr], new: ast.expr, uses: Uses, *, hint: bool) -> str | None:
    value, shown = stripped(new), ast.unparse(stripped(new))[:80]
    if any(is_left_of(value, old) for old in olds) and not isinstance(value, ast.Constant):
        keeps = target in _read([value]) if hint else dotted(value) == target
        if not keeps and all(target in _read([old]) for old in olds):
            return f"{target} becomes {shown}, and its own former value is lost"
        return None
    if any(ast.dump(value) == ast.dump(old) for old in olds):
        return None
    if (reason := _not_nothing(target, olds, new, uses)) is not None:
        return f"{target} becomes {shown}{reason}"
    return None


def _not_nothing(target: str, olds: Sequence[ast.expr], new: ast.expr, uses: Uses) -> str | None:
    """Why a value that is not left of the old one does something; None if it does nothing."""
    value = stripped(new)
    constant = all(isinstance(old, ast.Constant) for old in olds)
    if is_zero(value):
        cut = not constant and not uses.only_operands(target, _SUM)
        return ", and it is not only added: what comes before it is cut off" if cut else None
    if is_one(value):
        cut = not uses.only_operands(target, _PRODUCT)
        return ", and it is not only multiplied: what comes before it is cut off, or changed" if cut else None
    if is_flag(value):
        was_flag = all(map(is_flag, olds))
        return ", and it is a number" if not was_flag and (constant or uses.is_computed_with(target)) else None
    if is_nothing(new) or (is_empty(value) and any(map(is_collection, olds))):
        return None
    return ", which is not what is left of it without the component"


def _read(values: Iterable[ast.expr]) -> set[str | None]:
    nodes = (node for value in values for node in ast.walk(value))
    return {dotted(node) for node in nodes if isinstance(node, ast.Name | ast.Attribute)}
