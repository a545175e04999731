"""From results to figures."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from scipy.stats import spearmanr

from ablations.statistics import Estimate, estimate, paired_p_value
from benchmarks.search.protocol import Place

NEAR = 0.01
"""How close to the best score of a cell an arm must come for its trials and seconds to be counted: one point."""


class Result(NamedTuple):
    """What one job gave; `name` is an arm's, a peer's, or a sampled allocation's."""

    place: Place
    name: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ArmFigures:
    """One arm or peer in one cell, over the seeds.

    Attributes:
        accuracy: on the test images, after the fine-tune.
        rank: among the arms of the cell, from 1; None for a peer.
        trials: most trials of any seed.
        near: seeds in which it came near the best proxy score of all arms.
        trials_to_near, seconds_to_near: medians over those seeds; None if there is none.
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
    """By cell in the order of the results; the arms by rank, then the peers."""
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
    """The mean over the cells of each arm's rank by mean test accuracy, best first."""
    cells = [
        _ranks(_by_name([result for result in arms if result.place[:2] == cell]))
        for cell in dict.fromkeys(result.place[:2] for result in arms)
    ]
    means = {name: statistics.fmean(ranks[name] for ranks in cells) for name in cells[0]}
    return dict(sorted(means.items(), key=lambda item: item[1]))


@dataclass(frozen=True, slots=True)
class Gain:
    """Test accuracy won over another arm or peer, over all cells and seeds that both have.

    Attributes:
        p: of the two-sided paired t-test that it is nothing.
        chosen: which arm stood for the best, with how many seeds.
    """

    estimate: Estimate
    p: float | None
    chosen: Mapping[str, int]


def gain(arms: Sequence[Result], over: Sequence[Result]) -> Gain | None:
    """What the best arm wins over the results `over` of one other arm or peer.

    The best arm is chosen afresh for each seed, by its mean rank on the *other* seeds: picked and measured on the same
    results, the luckiest of many arms would look better than it is. An arm is not compared with itself: the best of
    the others stands against it. None with a single seed.
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
    """How well the proxy orders allocations as the fine-tune does (Spearman's rank correlation).

    Attributes:
        proxy: with the test accuracy after the fine-tune, mean of both its seeds.
        ceiling: of one fine-tune seed with the other: no proxy can be expected to do better.
        among_winners: within a cell and seed, over the winners of the arms, mean; they lie close together, so chance
            weighs more. None where fewer than three arms ran.
        by_epochs: `proxy` as it stands at each of the proxy's rungs, by the epochs trained until then: how much
            training the order takes.
    """

    model: str
    allocations: int
    proxy: float
    ceiling: float
    among_winners: float | None
    by_epochs: Mapping[int, float]


def agreement(model: str, sampled: Sequence[Result], arms: Sequence[Result]) -> Agreement | None:
    """The proxy's worth for one model; None for fewer than three allocations."""
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
    """Models over the target: all trials of all arms, every winner, peer and sample."""
    built = sum(result.values["macs"] > result.values["target_macs"] for result in (*arms, *others))
    return built + sum(result.values["over_budget"] for result in arms)


def _mean(results: Sequence[Result]) -> Estimate:
    found = estimate(result.values["accuracy"] for result in results)
    assert found is not None, "a cell without results is not shown"
    return found


def _ranks(arms: Mapping[str, Sequence[Result]]) -> dict[str, float]:
    """From 1, best mean first; equals share the mean of their places."""
    means = {name: _mean(results).mean for name, results in arms.items()}
    return {
        name: 1 + sum(other > mean for other in means.values()) + (sum(o == mean for o in means.values()) - 1) / 2
        for name, mean in means.items()
    }


def _marks(arms: Sequence[Result]) -> dict[Place, float]:
    """For each cell and seed the best proxy score of any arm, less what counts as near."""
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
