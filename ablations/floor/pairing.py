"""One number per seed for a question: a difference between two selections, or a slope. Nothing is filled in.

The seeds are the independent repetitions; conditions with the same seed share its draws. A question is therefore
answered by one number per seed, an average over the cells that it covers, and the number of seeds is the sample size. A
cell that has the figure with no seed at all is left out, and named. A seed that lacks one of the other cells, because
it failed or is not measured yet, is left out as a whole: an average over other cells would be no repetition.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ablations.floor.condition import Level
from ablations.floor.questions import Combination, Contrast, Interaction, Question, Slope
from ablations.floor.results import Outcome, Results


@dataclass(frozen=True, slots=True)
class Paired:
    """The numbers that answer a question.

    Attributes:
        by_seed: One number per complete seed.
        left_out: The seeds that lack a cell which others have.
        dropped: The cells that no seed has.
        scale: The largest figure in size: rounding errors are relative to it.
    """

    by_seed: Mapping[int, float]
    left_out: tuple[int, ...]
    dropped: tuple[str, ...]
    scale: float


def paired(question: Question, results: Results) -> Paired:
    """Return the numbers that answer a question."""
    if question.logarithm:
        results = _logarithms(results, question.figure)
    match question:
        case Contrast():
            return differences(question, results)
        case Slope():
            return slopes(question, results)
        case Interaction():
            return interactions(question, results)
        case Combination():
            return combinations(question, results)


def _logarithms(results: Results, figure: str) -> Results:
    """Take the logarithm of a figure; where it is not positive it has none, and counts as missing."""

    def of(outcome: Outcome) -> Outcome:
        value = (outcome.figures or {}).get(figure)
        return replace(outcome, figures={figure: math.log(value)} if value is not None and value > 0 else {})

    return Results(tuple(map(of, results.outcomes)))


def interactions(question: Interaction, results: Results) -> Paired:
    """Return the difference at the high level minus that at the low one, by seed."""
    high, low = (
        differences(
            Contrast(
                **question.model_dump(include={"key", "text", "figure", "better"}),
                first={**question.first, question.along: level},
                second={**question.second, question.along: level},
            ),
            results,
        )
        for level in (question.high, question.low)
    )
    shared = [seed for seed in high.by_seed if seed in low.by_seed]
    known = {*high.by_seed, *high.left_out, *low.by_seed, *low.left_out}
    return Paired(
        by_seed={seed: high.by_seed[seed] - low.by_seed[seed] for seed in shared},
        left_out=tuple(sorted(known - set(shared))),
        dropped=tuple(dict.fromkeys((*high.dropped, *low.dropped))),
        scale=max(high.scale, low.scale),
    )


def combinations(question: Combination, results: Results) -> Paired:
    """Return the weighted sum of the selections' means, by seed."""
    asked = [results.where(term.of) for term in question.terms]
    parts = [_with_figure(part, question.figure) for part in asked]

    def of(seed: int) -> float | None:
        means = [_mean(part.outcomes, seed, question.figure) for part in parts]
        known = [term.weight * mean for term, mean in zip(question.terms, means, strict=True) if mean is not None]
        return math.fsum(known) if len(known) == len(means) else None

    return _paired(of, [outcome for part in parts for outcome in part.outcomes], question.figure, asked)


def differences(question: Contrast, results: Results) -> Paired:
    """Return second minus first, by seed.

    A factor that neither selection fixes, and that has several levels on both sides, is compared level by level, on the
    levels that both sides have. Over any other factor each side is averaged.
    """
    asked = [results.where(selection) for selection in (question.first, question.second)]
    first, second = (_with_figure(side, question.figure) for side in asked)
    fixed = question.first.keys() | question.second.keys()
    blocks = [
        name
        for name in results.factors()
        if name not in fixed and len(first.levels(name)) > 1 and len(second.levels(name)) > 1
    ]
    sides = [_by_block(side, blocks) for side in (first, second)]
    shared = sides[0].keys() & sides[1].keys()

    def of(seed: int) -> float | None:
        parts = []
        for block in sorted(shared, key=repr):
            means = [_mean(side[block], seed, question.figure) for side in sides]
            if means[0] is None or means[1] is None:
                return None
            parts.append(means[1] - means[0])
        return math.fsum(parts) / len(parts)

    used = [outcome for side in sides for block in shared for outcome in side[block]]
    return _paired(of, used, question.figure, asked)


def slopes(question: Slope, results: Results) -> Paired:
    """Return the least-squares slope along the factor, by seed; minus that of the other conditions, if asked."""
    parts = [results.where(question.of)]
    parts += [] if question.minus is None else [results.where(question.minus)]
    asked = [Results(tuple(o for o in part.outcomes if question.along in o.condition.factors)) for part in parts]
    parts = [_with_figure(part, question.figure) for part in asked]

    def of(seed: int) -> float | None:
        found = [_slope(part, seed, question.along, question.figure) for part in parts]
        if any(slope is None for slope in found):
            return None
        return float(found[0] or 0.0) - (float(found[1] or 0.0) if len(found) > 1 else 0.0)

    return _paired(of, [outcome for part in parts for outcome in part.outcomes], question.figure, asked)


def _with_figure(side: Results, figure: str) -> Results:
    """Leave out the cells that have the figure with no seed."""
    cells = (outcomes for _, outcomes in side.cells() if any(_has(outcome, figure) for outcome in outcomes))
    return Results(tuple(outcome for outcomes in cells for outcome in outcomes))


def _has(outcome: Outcome, figure: str) -> bool:
    return outcome.figures is not None and figure in outcome.figures


def _paired(
    of: Callable[[int], float | None], used: Sequence[Outcome], figure: str, asked: Sequence[Results]
) -> Paired:
    kept = {outcome.condition.cell for outcome in used if _has(outcome, figure)}
    cells = dict.fromkeys(outcome.condition.cell for side in asked for outcome in side.outcomes)
    seeds = sorted({outcome.condition.seed for outcome in used})
    numbers = {seed: of(seed) for seed in seeds}
    return Paired(
        by_seed={seed: number for seed, number in numbers.items() if number is not None},
        left_out=tuple(seed for seed, number in numbers.items() if number is None),
        dropped=tuple(cell for cell in cells if cell not in kept),
        scale=max((abs(value) for value in Results(tuple(used)).values(figure) if value is not None), default=1.0),
    )


Block = tuple[Level | None, ...]


def _by_block(side: Results, blocks: Sequence[str]) -> dict[Block, list[Outcome]]:
    found: dict[Block, list[Outcome]] = {}
    for outcome in side.outcomes:
        found.setdefault(tuple(outcome.condition.factors.get(name) for name in blocks), []).append(outcome)
    return found


def _mean(outcomes: Iterable[Outcome], seed: int, figure: str) -> float | None:
    """Return the mean over all conditions with the seed; None if there is none, or one has no such figure."""
    values = Results(tuple(o for o in outcomes if o.condition.seed == seed)).values(figure)
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(values) else None


def _slope(part: Results, seed: int, along: str, figure: str) -> float | None:
    """Return the slope over the means at each level; None if a condition has no figure, or there is one level only."""
    levels = part.levels(along)
    wrong = [level for level in levels if isinstance(level, str)]
    assert not wrong, f"the slope along {along!r} needs numbers, not {wrong}"
    points = [(float(level), _mean(part.where({along: level}).outcomes, seed, figure)) for level in levels]
    known = [(x, y) for x, y in points if y is not None]
    if len(known) < 2 or len(known) < len(points):
        return None
    middle_x, middle_y = (math.fsum(axis) / len(known) for axis in zip(*known, strict=True))
    spread = math.fsum((x - middle_x) ** 2 for x, _ in known)
    return math.fsum((x - middle_x) * (y - middle_y) for x, y in known) / spread
