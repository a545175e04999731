"""What each trial kept of each isomorphic set, and how closely that goes with its score."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.outcome.charts.trials import Drawn
from tracking.payloads import PlanReady

LEAST_TRIALS = 6
"""Fewer trials say nothing of which set matters."""
CHANCE = 1.96
"""Standard deviations: 95 % of the correlations of unrelated numbers are smaller."""


@dataclass(frozen=True, slots=True)
class SetRatios:
    """An isomorphic set.

    Attributes:
        label: its first group, and how many more there are.
        kept: the share of its units that each of the given trials kept.
    """

    label: str
    kept: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Weight:
    """How a set's ratio goes with the score over trials: Spearman's rank correlation, from −1 to 1."""

    label: str
    correlation: float


def set_ratios(plan: PlanReady, trials: Sequence[Drawn]) -> list[SetRatios]:
    """Return the sets in the order of the plan."""
    members = [[index for index, group in enumerate(plan.groups) if group.set == own] for own in range(plan.sets)]
    return [
        SetRatios(
            label=plan.groups[own[0]].name + (f" +{len(own) - 1}" if len(own) > 1 else ""),
            kept=tuple(_share(plan, trial.spec.allocation, own) for trial in trials),
        )
        for own in members
        if own
    ]


def telling_rung(trials: Sequence[Drawn]) -> tuple[int, list[Drawn]]:
    """Return the last rung (from 1) at which enough trials can be compared, and the trials that reached it.

    Enough are half of the scored ones, and `LEAST_TRIALS` where there are as many.
    """
    reached = sorted((len(trial.scores) for trial in trials if trial.scores), reverse=True)
    if not reached:
        return 0, []
    enough = min(len(reached), max(LEAST_TRIALS, -(-len(reached) // 2)))
    rung = reached[enough - 1]
    return rung, [trial for trial in trials if len(trial.scores) >= rung]


def weights(plan: PlanReady, trials: Sequence[Drawn]) -> list[Weight]:
    """Return the sets, the one that goes closest with the score first; none where too few trials tell.

    A set that every trial kept alike, or scores that are all equal, have no correlation.
    """
    rung, scored = telling_rung(trials)
    if len(scored) < LEAST_TRIALS:
        return []
    scores = [trial.scores[rung - 1] for trial in scored]
    if len(set(scores)) == 1:
        return []
    found = [
        Weight(one.label, rank_correlation(one.kept, scores))
        for one in set_ratios(plan, scored)
        if len(set(one.kept)) > 1
    ]
    return sorted(found, key=lambda weight: -abs(weight.correlation))


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Return Spearman's ρ of two series that both vary; equal values share the mean of their ranks."""
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


def chance(trials: int) -> float:
    """Return the correlation that 95 % of unrelated numbers of so many trials stay below."""
    return min(1.0, CHANCE / math.sqrt(trials - 1))


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    _, which, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    above = np.cumsum(counts)
    ranks: NDArray[np.float64] = (above - (counts - 1) / 2)[which]
    return ranks


def _share(plan: PlanReady, allocation: Sequence[int], own: Sequence[int]) -> float:
    return sum(allocation[index] for index in own) / sum(plan.groups[index].units for index in own)
