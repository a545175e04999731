"""Compute the benchmark's figures from the results of its jobs."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from scipy.stats import spearmanr

from ablations.floor.statistics import Estimate, estimate, paired_p_value
from benchmarks.search.protocol import Place

NEAR = 0.01
"""How close an arm must come to the best score of a cell for its trials and seconds to be counted: one point."""


class Result(NamedTuple):
    """The result of one job; `name` is that of an arm, a peer or a sampled allocation."""

    place: Place
    name: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ArmFigures:
    """One arm or peer in one cell, over the seeds.

    Attributes:
        model: the cell's model.
        share: the cell's budget, as a share of the base's MACs.
        name: the arm or peer.
        accuracy: on the test images, after the fine-tune.
        rank: among the arms of the cell, from 1; None for a peer.
        trials: the largest number of trials of any seed.
        near: number of seeds in which it came near the best proxy score of all arms.
        trials_to_near: median number of trials until then, over those seeds; None if there are none.
        seconds_to_near: median seconds of compute until then, over those seeds; None if there are none.
    """

    model: str
    share: str
    name: str
    accuracy: Estimate
    rank: float | None
    trials: int | None = None
    near: int = 0
    trials_to_near: float | None = None
    seconds_to_near: float | None = None


def standings(arms: Sequence[Result], peers: Sequence[Result]) -> tuple[ArmFigures, ...]:
    """The figures of all arms and peers by cell, in the order of the results: arms by rank, then peers."""
    found: list[ArmFigures] = []
    for model, share in dict.fromkeys((result.place.model, result.place.share) for result in arms):
        own = [result for result in arms if result.place[:2] == (model, share)]
        ranks = _ranks(_by_name(own))
        marks = _marks(own)
        rows = []
        for name, results in _by_name(own).items():
            reached = [mark for result in results if (mark := _reached(result, marks[result.place])) is not None]
            rows.append(
                ArmFigures(
                    model,
                    share,
                    name,
                    _mean(results),
                    ranks[name],
                    trials=max(result.values["trials"] for result in results),
                    near=len(reached),
                    trials_to_near=_median([trials for trials, _ in reached]),
                    seconds_to_near=_median([seconds for _, seconds in reached]),
                )
            )
        found += sorted(rows, key=lambda row: (row.rank or 0, row.name))
        others = [result for result in peers if result.place[:2] == (model, share)]
        found += [ArmFigures(model, share, name, _mean(results), None) for name, results in _by_name(others).items()]
    return tuple(found)


def mean_ranks(arms: Sequence[Result]) -> dict[str, float]:
    """Each arm's rank by mean test accuracy, averaged over the cells; best first."""
    cells = [
        _ranks(_by_name([result for result in arms if result.place[:2] == cell]))
        for cell in dict.fromkeys(result.place[:2] for result in arms)
    ]
    means = {name: statistics.fmean(ranks[name] for ranks in cells) for name in cells[0]}
    return dict(sorted(means.items(), key=lambda item: item[1]))


@dataclass(frozen=True, slots=True)
class Gain:
    """The gain in test accuracy over another arm or peer, over all cells and seeds that both have.

    Attributes:
        estimate: the mean gain with its confidence interval.
        p: p-value of the two-sided paired t-test of a mean gain of zero.
        chosen: the arms chosen as the best, each with its number of seeds.
    """

    estimate: Estimate
    p: float | None
    chosen: Mapping[str, int]


def gain(arms: Sequence[Result], over: Sequence[Result]) -> Gain | None:
    """The gain of the best arm over the results `over` of one other arm or peer; None with a single seed.

    The best arm is chosen for each seed by its mean rank on the *other* seeds. If it were chosen and measured on the
    same results, the luckiest of many arms would look better than it is. An arm is not compared with itself but with
    the best of the others.
    """
    name = over[0].name
    theirs = {result.place: result.values["accuracy"] for result in over}
    differences: list[float] = []
    chosen: dict[str, int] = {}
    for seed in sorted({result.place.seed for result in arms}):
        elsewhere = [result for result in arms if result.place.seed != seed and result.name != name]
        if not elsewhere:
            return None
        best = next(iter(mean_ranks(elsewhere)))
        chosen[best] = chosen.get(best, 0) + 1
        differences += [
            result.values["accuracy"] - theirs[result.place]
            for result in arms
            if result.place.seed == seed and result.name == best and result.place in theirs
        ]
    found = estimate(differences)
    return None if found is None else Gain(found, paired_p_value(differences), chosen)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Spearman's rank correlation between the proxy's scores of allocations and their accuracy after the fine-tune.

    Attributes:
        model: the model.
        allocations: number of sampled allocations.
        proxy: correlation with the test accuracy after the fine-tune, averaged over its two seeds.
        ceiling: correlation of one fine-tune seed with the other: no proxy can be expected to do better.
        among_winners: mean correlation over the winners of the arms within a cell and seed. They lie close together,
            so chance matters more. None if fewer than three arms ran.
        by_epochs: `proxy` at each of the proxy's rungs, by the epochs trained until then: it shows how much training
            the ranking needs.
    """

    model: str
    allocations: int
    proxy: float
    ceiling: float
    among_winners: float | None
    by_epochs: Mapping[int, float]


def agreement(model: str, sampled: Sequence[Result], arms: Sequence[Result]) -> Agreement | None:
    """The agreement for one model; None with fewer than three allocations."""
    own = [result.values for result in sampled if result.place.model == model]
    if len(own) < 3:
        return None
    first, second = ([values["tuned"][seed] for values in own] for seed in (0, 1))
    rungs = zip(*(values["rungs"] for values in own), strict=True)
    by_epochs = {rung[0]["epochs"]: _with_both([score["accuracy"] for score in rung], first, second) for rung in rungs}
    within = [
        _spearman([r.values["proxy"] for r in group], [r.values["accuracy"] for r in group])
        for group in _by_place([result for result in arms if result.place.model == model]).values()
        if len(group) >= 3
    ]
    return Agreement(
        model,
        len(own),
        by_epochs[max(by_epochs)],
        _spearman(first, second),
        statistics.fmean(within) if within else None,
        by_epochs,
    )


def over_budget(arms: Sequence[Result], others: Sequence[Result]) -> int:
    """The number of models over the target, among all trials of all arms and every winner, peer and sample."""
    built = sum(result.values["macs"] > result.values["target_macs"] for result in (*arms, *others))
    return built + sum(result.values["over_budget"] for result in arms)


def _mean(results: Sequence[Result]) -> Estimate:
    found = estimate(result.values["accuracy"] for result in results)
    assert found is not None, "a cell without results is not shown"
    return found


def _ranks(arms: Mapping[str, Sequence[Result]]) -> dict[str, float]:
    """Ranks from 1, best mean first; ties share the mean of their ranks."""
    means = {name: _mean(results).mean for name, results in arms.items()}
    return {
        name: 1 + sum(other > mean for other in means.values()) + (sum(o == mean for o in means.values()) - 1) / 2
        for name, mean in means.items()
    }


def _marks(arms: Sequence[Result]) -> dict[Place, float]:
    """For each cell and seed, the score that counts as near: the best proxy score of any arm minus `NEAR`."""
    return {
        place: max(result.values["proxy"] for result in results) - NEAR for place, results in _by_place(arms).items()
    }


def _reached(arm: Result, mark: float) -> tuple[int, float] | None:
    """Trials and seconds of compute until a completed trial scored `mark` or better; None if none did."""
    seconds = 0.0
    for number, trial in enumerate(arm.values["curve"], start=1):
        seconds += trial["seconds"]
        if trial["accuracy"] is not None and trial["accuracy"] >= mark:
            return number, seconds
    return None


def _by_name(results: Sequence[Result]) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = {}
    for result in results:
        found.setdefault(result.name, []).append(result)
    return found


def _by_place(results: Sequence[Result]) -> dict[Place, list[Result]]:
    found: dict[Place, list[Result]] = {}
    for result in results:
        found.setdefault(result.place, []).append(result)
    return found


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def _with_both(scores: Sequence[float], first: Sequence[float], second: Sequence[float]) -> float:
    return statistics.fmean((_spearman(scores, first), _spearman(scores, second)))


def _spearman(first: Sequence[float], second: Sequence[float]) -> float:
    return float(spearmanr(first, second).statistic)
