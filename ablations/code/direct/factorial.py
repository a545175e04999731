"""All pairs of components by 2-level factorial designs: main effects and interactions, with intervals.

For a pair (a, b), with every other component in place, there are four cells: y₀ with both, y_a without a, y_b without
b, y_ab without both. By the conventions of Montgomery (Design and Analysis of Experiments, chapter 6), for taking
away:

* main effect of a: ((y_a − y₀) + (y_ab − y_b)) / 2
* interaction of a and b: ((y_ab − y_b) − (y_a − y₀)) / 2

An interaction of 0 says that losing both costs what losing each costs, added up. Every seed gives one value of each, as
all cells of a seed share its draws; the interval over seeds is Student's, at 95 %.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from scipy.special import stdtr, stdtrit

from ablations.code.source.errors import CodeStudyError

Cell = frozenset[str]
"""The components that are taken away."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A mean over seeds, with its 95 % interval; a single seed has none.

    Attributes:
        components: One for a main effect, two for an interaction.
        mean: In the unit of the measure.
        low: End of the interval.
        high: End of the interval.
        seeds: How many.
        p_value: Of the two-sided t-test that it is 0; None for a single seed.
    """

    components: tuple[str, ...]
    mean: float
    low: float | None
    high: float | None
    seeds: int
    p_value: float | None


@dataclass(frozen=True, slots=True)
class PairEffects:
    """The effects of one pair, while the other components are in place."""

    first: Effect
    second: Effect
    interaction: Effect


def design(components: Sequence[str]) -> tuple[Cell, ...]:
    """Return all cells: the original, each component alone, and each pair; 1 + k + k (k − 1) / 2 for k components.

    Raises:
        CodeStudyError: There are fewer than two, or one is there twice.
    """
    if len(components) < 2 or len(set(components)) != len(components):
        raise CodeStudyError(
            f"Interactions need two different components or more; received {', '.join(components) or 'none'}."
        )
    singles = [frozenset({name}) for name in components]
    return (frozenset(), *singles, *(frozenset(pair) for pair in combinations(components, 2)))


def interactions(components: Sequence[str], values: Mapping[Cell, Sequence[float]]) -> tuple[PairEffects, ...]:
    """Return the effects of all pairs.

    Args:
        components: In the order of the result.
        values: Of the measure in each cell of `design`, one for each seed, in the same order of seeds.

    Raises:
        CodeStudyError: A cell is missing, or has another number of values than the others.
    """
    counts = {cell: len(values.get(cell, ())) for cell in design(components)}
    if 0 in counts.values() or len(set(counts.values())) != 1:
        wrong = ", ".join(f"{'+'.join(sorted(cell)) or 'the original'}: {count}" for cell, count in counts.items())
        raise CodeStudyError(f"Every cell needs the same number of values, one for each seed; received {wrong}.")
    return tuple(_pair(first, second, values) for first, second in combinations(components, 2))


def _pair(first: str, second: str, values: Mapping[Cell, Sequence[float]]) -> PairEffects:
    cells = [frozenset(), frozenset({first}), frozenset({second}), frozenset({first, second})]
    rows = list(zip(*(values[cell] for cell in cells), strict=True))
    return PairEffects(
        _effect((first,), [((a - none) + (both - b)) / 2 for none, a, b, both in rows]),
        _effect((second,), [((b - none) + (both - a)) / 2 for none, a, b, both in rows]),
        _effect((first, second), [((both - b) - (a - none)) / 2 for none, a, b, both in rows]),
    )


def _effect(components: tuple[str, ...], contrasts: Sequence[float]) -> Effect:
    n = len(contrasts)
    mean = math.fsum(contrasts) / n
    if n < 2:
        return Effect(components, mean, None, None, n, None)
    error = math.sqrt(math.fsum((value - mean) ** 2 for value in contrasts) / (n - 1) / n)
    half = float(stdtrit(n - 1, 0.975)) * error
    return Effect(components, mean, mean - half, mean + half, n, _p_value(mean, error, n))


def _p_value(mean: float, error: float, n: int) -> float:
    # Rounding alone spreads equal contrasts of accuracies, which are at most 1, by about 10⁻¹⁶.
    if error < 1e-14:
        return 1.0 if abs(mean) < 1e-14 else 0.0
    return float(2 * stdtr(n - 1, -abs(mean) / error))
