"""Is the seed, and with it everything random, as it was?"""

import ast
from typing import ClassVar

from ablations.code.gates.added import added, places
from ablations.code.gates.base import Gate
from ablations.code.gates.case import Case, Runs
from ablations.code.source.names import callee, dotted

_SEEDING = frozenset(
    {
        *("seed", "manual_seed", "manual_seed_all", "seed_everything", "set_seed", "default_rng", "RandomState"),
        *("Generator", "SeedSequence", "set_rng_state", "setstate", "set_state", "fork_rng", "Random"),
        *("use_deterministic_algorithms", "initial_seed"),
    }
)
_KEYWORDS = frozenset({"random_state", "seed", "generator", "rng"})


class Seed(Gate):
    """Compares everything that seeds: calls, keywords and names; and in the runs, the seeds themselves."""

    name: ClassVar[str] = "seed"
    question: ClassVar[str] = "Is the seed as it was?"

    def of_source(self, case: Case) -> str | None:
        """Judge the documents alone."""
        for file, old, new in case.pairs():
            if more := added(old, new, _seeds):
                return f"a seed was set or changed on {places(file, more)}"
            if less := added(new, old, _seeds):
                return f"a seed is no longer set as on {places(file, less)}"
        return None

    def of_runs(self, case: Case, runs: Runs) -> str | None:
        """Judge what the runs reported."""
        before, after = runs.original.seeds, runs.ablated.seeds
        if before != after:
            return f"the original was seeded by {_shown(before)}, and the ablated script by {_shown(after)}"
        return None


def _seeds(node: ast.AST) -> bool:
    match node:
        case ast.Call():
            return callee(node) in _SEEDING
        case ast.keyword(arg=str(name)):
            return name in _KEYWORDS
        case ast.Assign(targets=targets):
            return any(_is_seed(target) for target in targets)
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target) | ast.NamedExpr(target=target):
            return _is_seed(target)
    return False


def _is_seed(target: ast.AST) -> bool:
    name = dotted(target)
    return name is not None and name.rpartition(".")[2].lower() in _KEYWORDS


def _shown(seeds: tuple[str, ...]) -> str:
    return ", ".join(seeds[:3]) + (" …" if len(seeds) > 3 else "") if seeds else "nothing"
