"""How often the interval of each value holds what is built in, over many simulated studies."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

from ablations.resources.arms.resource import Resource
from ablations.resources.questions.accuracy import solved_share
from ablations.resources.questions.findings import Findings
from ablations.resources.statistics.interval import Interval
from benchmarks.resources.simulation import SAMPLES, TOLERANCE, TRUTHS, simulated
from benchmarks.resources.truth import Truth, best_rule, over_categories, routed

Pair = tuple[Interval | None, float]


def coverage(studies: int, tasks: int, told: Callable[[int], None] = lambda _: None) -> dict[str, float]:
    """Return of each value the share of studies whose 95 % interval holds it.

    Two are no intervals: `best_rule` is the share of studies that find the best routing rule as it is, and
    `best_rule_loss_points` the mean share of tasks, in percentage points, that the found rules lose against it.

    Args:
        studies: How many.
        tasks: Of each.
        told: Hears how many are done.
    """
    held: Counter[str] = Counter()
    best = best_rule(TRUTHS["large"], TRUTHS["small"], TOLERANCE)
    loss = 0.0
    for seed in range(studies):
        found = simulated(seed, tasks)
        held.update(name for name, (interval, truth) in values(found) if interval is not None and interval.holds(truth))
        ((rule, _),) = found.routes
        held["best_rule"] += rule.to_small == best
        loss += routed(*_both(), best) - routed(*_both(), rule.to_small)
        told(seed + 1)
    names = ["best_rule", *(name for name, _ in values(found))]
    return {
        **{name: held[name] / studies for name in names},
        "best_rule_loss_points": round(100 * loss / studies, 2),
    }


def built_in() -> dict[str, object]:
    """Return what is built in: the values that the intervals are to hold."""
    return {
        "large@1": over_categories(TRUTHS["large"].once),
        "small@1": over_categories(TRUTHS["small"].once),
        f"small@{SAMPLES}": TRUTHS["small"].samples(SAMPLES),
        "small@branching": over_categories(TRUTHS["small"].branching),
        "break_even_calls": _break_even(),
        "best_rule": sorted(best_rule(*_both(), TOLERANCE)),
    }


def values(found: Findings) -> Iterator[tuple[str, Pair]]:
    """Yield each value by its name: what a study says of it, and what is true."""
    large, small = _both()
    for model, truth in TRUTHS.items():
        for k in (1, 5, SAMPLES):
            yield f"pass@{k}_{model}", (found.pass_at[model][k], truth.pass_at(k))
    branching = over_categories(small.branching)
    arms = {arm.name: arm for arm in found.outcomes.arms}
    yield "solved_small@branching", (solved_share(found.outcomes, arms["small@branching"]), branching)
    once = {"large@1": over_categories(large.once), "small@1": over_categories(small.once)}
    truths = {**once, f"large@{SAMPLES}": large.samples(SAMPLES), f"small@{SAMPLES}": small.samples(SAMPLES)}
    for one in found.comparisons:
        yield f"gain_over_{one.first.name}", (one.difference, branching - truths[one.first.name])
    for level, of_level in enumerate(found.levels["small@branching"]):
        yield f"gain_level_{level}", (of_level.gain, over_categories(partial(small.gain, level=level)))
    calls = next(one for one in found.break_evens if one.arm.name == "small@branching" and one.unit is Resource.CALLS)
    yield "break_even_calls", (calls.at, _break_even())
    ((rule, judged),) = found.routes
    for fit in rule.categories:
        yield f"routing_{fit.category}", (fit.difference, small.branching(fit.category) - large.once(fit.category))
    yield "routed_solved", (judged.solved, routed(large, small, rule.to_small))
    yield "routed_against_large", (judged.against_large, routed(large, small, rule.to_small) - once["large@1"])


def _break_even() -> float:
    large, small = _both()
    per_solved = over_categories(small.calls) / over_categories(small.branching)
    return per_solved * over_categories(large.once)


def _both() -> tuple[Truth, Truth]:
    return TRUTHS["large"], TRUTHS["small"]
