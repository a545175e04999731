"""Rows of the study, and the estimates over seeds that the plots show."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from ablations.floor.statistics import Estimate, estimate
from ablations.heads.conditions import NO_METHOD, Arm

Value = Callable[[Mapping[str, float]], float]


@dataclass(frozen=True, slots=True)
class Row:
    """One measured condition.

    Attributes:
        factors: arm, method, level and temperature.
        seed: its seed.
        figures: what was measured.
    """

    factors: Mapping[str, Any]
    seed: int
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Rows:
    """All measured conditions of a study."""

    rows: Sequence[Row]

    @property
    def methods(self) -> list[str]:
        """The criteria, in the order of the rows."""
        return [name for name in dict.fromkeys(row.factors["method"] for row in self.rows) if name != NO_METHOD]

    @property
    def levels(self) -> list[float]:
        """The levels, ascending; 0 among them, where the arms are what they are unpruned."""
        return sorted({float(row.factors["level"]) for row in self.rows})

    @property
    def temperatures(self) -> list[float]:
        """The temperatures, ascending."""
        return sorted({float(row.factors["temperature"]) for row in self.rows})

    def by_seed(
        self, figure: str, arm: Arm, method: str | None = None, level: float = 0, temperature: float | None = None
    ) -> dict[int, float]:
        """Return a figure by seed: the mean of a seed's rows that fit.

        Args:
            figure: its name.
            arm: the arm. At level 0 a pruned arm is what the arm without pruning is.
            method: the criterion; None takes all of them.
            level: percent of heads removed.
            temperature: None takes all of them.
        """
        found: dict[int, list[float]] = {}
        for row in self.rows:
            if _fits(row.factors, arm, method, level, temperature) and figure in row.figures:
                found.setdefault(row.seed, []).append(row.figures[figure])
        return {seed: fmean(values) for seed, values in sorted(found.items())}

    def estimated(
        self, figure: str, arm: Arm, method: str | None = None, level: float = 0, temperature: float | None = None
    ) -> Estimate | None:
        """Return the mean over seeds of what `by_seed` returns; None if there is nothing."""
        return estimate(self.by_seed(figure, arm, method, level, temperature).values())

    def change(
        self, figure: str, method: str | None = None, level: float = 0, temperature: float | None = None
    ) -> Estimate | None:
        """Return by how many percent agency changes a figure, from the pairs of each seed."""
        without = self.by_seed(figure, Arm.PRUNED, method, level, temperature)
        with_agency = self.by_seed(figure, Arm.PRUNED_WITH_AGENCY, method, level, temperature)
        return estimate(
            100 * (with_agency[seed] / value - 1) for seed, value in without.items() if seed in with_agency and value
        )


def _fits(factors: Mapping[str, Any], arm: Arm, method: str | None, level: float, temperature: float | None) -> bool:
    return (
        factors["arm"] == arm
        and factors["level"] == level
        and (not level or method is None or factors["method"] == method)
        and (temperature is None or factors["temperature"] == temperature)
    )
