"""Is the data split as it was, and does nothing held out train?"""

import ast
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from ablations.code.gates.added import added, places
from ablations.code.gates.base import Gate
from ablations.code.gates.case import Case, Runs
from ablations.code.source.flow import held_out_names
from ablations.code.source.names import bound_by, callee

_SPLITTING = frozenset(
    {"train_test_split", "random_split", "split", "KFold", "StratifiedKFold", "permutation", "Subset"}
)


class Split(Gate):
    """Follows the names of held-out data, and counts rows in the runs.

    In the source: what splits is as it was; no name that holds training or held-out data is bound anew; and no function
    reads held-out data more often than before. In the runs: no more rows both train and are evaluated, and as many as
    before are evaluated and train. A column more or less changes no row's place.
    """

    name: ClassVar[str] = "split"
    question: ClassVar[str] = "Is the data split as it was, and does nothing held out train?"

    def of_source(self, case: Case) -> str | None:
        """Judge the documents alone."""
        olds, news = [old for _, old, _ in case.pairs()], [new for _, _, new in case.pairs()]
        held_out = held_out_names(olds) | held_out_names(news)
        place = {id(node) for root in case.replacement() for node in ast.walk(root)}
        for file, old, new in case.pairs():
            for chosen in (_splits, lambda node: _binds_data(node, held_out)):
                changed = [node for node in added(old, new, chosen) if id(node) not in place or _splits(node)]
                if changed:
                    return f"the split was changed on {places(file, changed)}"
            if gone := _missing(case, old, new):
                return f"the split on {places(file, gone)} is gone"
        return _more_reads(olds, news, held_out)

    def of_runs(self, case: Case, runs: Runs) -> str | None:
        """Judge what the runs reported."""
        before, after = runs.original, runs.ablated
        if after.shared > before.shared:
            return f"{after.shared} rows both train and are evaluated, and {before.shared} did in the original"
        for what, old, new in (
            ("evaluated", before.evaluated, after.evaluated),
            ("used for training", before.trained, after.trained),
        ):
            if old != new:
                return f"{new} different rows were {what}, and {old} in the original"
        return None


def _missing(case: Case, old: ast.Module, new: ast.Module) -> list[ast.AST]:
    inside = {id(node) for root in case.old_nodes() for node in ast.walk(root)}
    return [node for node in added(new, old, _splits) if id(node) not in inside]


def _splits(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and callee(node) in _SPLITTING


def _binds_data(node: ast.AST, held_out: frozenset[str]) -> bool:
    if not isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return False
    names = {name for name in bound_by([node]) if "." not in name}
    return bool(names & held_out) or any("train" in name.split("_") for name in names)


def _more_reads(olds: Sequence[ast.Module], news: Sequence[ast.Module], held_out: frozenset[str]) -> str | None:
    more = _reads(news, held_out) - _reads(olds, held_out)
    for where, name in [*more][-1:]:  # the innermost function is the last one
        return f"{where} reads the held-out {name} more often than in the original"
    return None


def _reads(trees: Sequence[ast.Module], names: frozenset[str]) -> Counter[tuple[str, str]]:
    """How often each function reads each of some names; inner functions count for the outer ones too."""
    found: Counter[tuple[str, str]] = Counter()
    for tree in trees:
        for scope in ast.walk(tree):
            if isinstance(scope, ast.FunctionDef | ast.ClassDef | ast.Module):
                where = getattr(scope, "name", "the script")
                reads = (node for node in ast.walk(scope) if isinstance(node, ast.Name) and node.id in names)
                found.update((where, node.id) for node in reads if isinstance(node.ctx, ast.Load))
    return found
