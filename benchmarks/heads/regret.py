"""How much worse than the best subset of the same size a criterion's choice is, and how many subsets are better."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from ablations.heads.bench import Bench
from ablations.heads.importance.registry import IMPORTANCES, importance
from ablations.heads.selection import heads_to_remove, select
from benchmarks.heads.subsets import Kept


@dataclass(frozen=True, slots=True)
class Choice:
    """One criterion's choice at one level with one seed.

    Attributes:
        regret: its perplexity − that of the best subset of its size.
        rank: 1 + the number of subsets of its size with a lower loss.
    """

    regret: float
    rank: int


def choices(
    losses: Mapping[Kept, float], benches: Sequence[Bench], levels: Sequence[float]
) -> dict[str, dict[float, list[Choice]]]:
    """Return every criterion's choices: by criterion and level, one per seed."""
    heads = benches[0].model.all_heads
    counts = {level: heads_to_remove(level, len(heads)) for level in levels}
    found = {}
    for name in IMPORTANCES:
        # One order per seed: what a lower level removes is its beginning.
        orders = [select(importance(name)(), bench.evidence, max(counts.values())) for bench in benches]
        found[name] = {
            level: [judged(losses, frozenset(heads) - set(order[:count])) for order in orders]
            for level, count in counts.items()
        }
    return found


def judged(losses: Mapping[Kept, float], kept: Kept) -> Choice:
    """Compare a subset with all others of its size."""
    same = [loss for other, loss in losses.items() if len(other) == len(kept)]
    own = losses[kept]
    return Choice(math.exp(own) - math.exp(min(same)), 1 + sum(loss < own for loss in same))


def summary(found: Mapping[str, Mapping[float, Sequence[Choice]]], heads: int) -> dict[str, object]:
    """Return the mean regrets and ranks over seeds, and the criterion with the lowest regret over all levels."""
    regret = {
        name: {f"{level:g}": fmean(choice.regret for choice in seeds) for level, seeds in levels.items()}
        for name, levels in found.items()
    }
    rank = {
        name: {f"{level:g}": fmean(choice.rank for choice in seeds) for level, seeds in levels.items()}
        for name, levels in found.items()
    }
    best = min(regret, key=lambda name: (fmean(regret[name].values()), name))
    sizes = {level: math.comb(heads, heads_to_remove(float(level), heads)) for level in rank[best]}
    return {
        "regret": regret,
        "rank": rank,
        "rank_of_best_criterion": {"criterion": best, "rank": rank[best], "of": sizes},
    }
