"""Is an element of a list or a call taken away, and no other one put there or moved?"""

import ast
from collections.abc import Sequence
from typing import ClassVar

from ablations.code.gates.base import Gate
from ablations.code.gates.case import Case
from ablations.code.gates.neutral import is_flag, is_nothing, is_zero, stripped
from ablations.code.gates.remains import is_left_of
from ablations.code.source.region import Region

_BODIES = frozenset({"body", "orelse", "finalbody"})


class Elements(Gate):
    """Reads what stands in place of elements of a list, a tuple, a dict or a call.

    Nothing may stand there, or some of what stood there, or the identity in place of a call. A number may become zero,
    and a flag another, only as an argument of a call. An argument keeps its name. A positional one that is a plain
    value may not go away before others, which would take its place.
    """

    name: ClassVar[str] = "elements"
    question: ClassVar[str] = "Is an element taken away, and no other one put there?"

    def of_source(self, case: Case) -> str | None:
        """Judge the documents alone."""
        region = case.component.region(case.old(case.component.file))
        if region.field in _BODIES:
            return None
        old, new = region.nodes, list(case.replacement())
        if isinstance(region.parent, ast.Call) and region.field == "keywords":
            return _of_keywords(old, new)
        values = [node for node in new if isinstance(node, ast.expr)]
        before = [node for node in old if isinstance(node, ast.expr)]
        is_argument = isinstance(region.parent, ast.Call)
        for value in values:
            if not _stands(value, before, is_argument=is_argument):
                return f"{ast.unparse(value)[:80]} stands in place of {', '.join(map(ast.unparse, before))[:80]}"
        return _shifted(region, before, values) if is_argument else None


def _of_keywords(old: Sequence[ast.AST], new: Sequence[ast.AST]) -> str | None:
    before = {node.arg: node.value for node in old if isinstance(node, ast.keyword)}
    for node in new:
        if not isinstance(node, ast.keyword) or node.arg not in before:
            return f"{ast.unparse(node)[:80]} stands in place of {', '.join(map(ast.unparse, old))[:80]}"
        if not _stands(node.value, [before[node.arg]], is_argument=True):
            return f"{ast.unparse(node)[:80]} is another value, and not none"
    return None


def _stands(value: ast.expr, before: Sequence[ast.expr], *, is_argument: bool) -> bool:
    if any(is_left_of(value, old) for old in before):
        return True
    if not is_argument:
        return (
            is_nothing(value) and not isinstance(value, ast.Constant) and any(isinstance(o, ast.Call) for o in before)
        )
    if is_zero(value) or is_flag(value):
        return isinstance(value, ast.Constant) and all(isinstance(stripped(old), ast.Constant) for old in before)
    return is_nothing(value)


def _shifted(region: Region, old: Sequence[ast.expr], new: Sequence[ast.expr]) -> str | None:
    behind = getattr(region.parent, region.field)[region.stop :]
    if len(new) < len(old) and behind and not all(isinstance(each, ast.Call) for each in old):
        return f"{ast.unparse(behind[0])[:80]} takes the place of {ast.unparse(old[0])[:80]} among the arguments"
    return None
