"""The compute budget: a target in MACs, and the band within which a proposal is on target."""

import math
import re
from dataclasses import dataclass

from search.errors import ConfigError

_UNITS = {"": 1e9, "g": 1e9, "m": 1e6, "k": 1e3}
_TARGET = re.compile(r"^\s*([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*([gGmMkK%]?)(?:[mM][aA][cC][sS]?)?\s*$")
_MOST_MACS = 1e24
"""More than any model has: a number above it was not meant."""
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Budget:
    """A MAC budget.

    Attributes:
        target_macs: Multiply-accumulates of one forward pass at batch size 1, as the plan's counter counts them.
        band: Lower and upper edge as fractions of the target; the default of the published loop is -0.05 and +0.01.
    """

    target_macs: int
    band: tuple[float, float] = (-0.05, 0.01)

    def __post_init__(self) -> None:
        low, high = self.band
        if not low < high:
            raise ConfigError(
                f"The band {low:+.2%} to {high:+.2%} of the target is empty: its lower edge must be below its "
                "upper edge, as in --band=-5%,+1%."
            )
        if low > 0 or high < 0:
            raise ConfigError(
                f"The band {low:+.2%} to {high:+.2%} does not contain the target itself; its lower edge must be at "
                "most 0 and its upper edge at least 0, as in --band=-5%,+1%."
            )

    @property
    def band_macs(self) -> tuple[int, int]:
        """The lowest and the highest MACs inside the band, both inclusive."""
        low, high = self.band
        return math.ceil(self.target_macs * (1 + low)), math.floor(self.target_macs * (1 + high))

    def holds(self, macs: int) -> bool:
        """Whether a model with these MACs is on target."""
        low, high = self.band_macs
        return low <= macs <= high


def parse_target(text: str, baseline_macs: int) -> int:
    """Parse a target such as `2.06` or `2.06G` (giga-MACs), `230M`, `900k`, or `10%` of the baseline.

    Args:
        text: The target as the user wrote it.
        baseline_macs: MACs of the unpruned model.

    Returns:
        The target in MACs.

    Raises:
        ConfigError: It is not a number with one of these units, or not above zero.
    """
    match = _TARGET.match(text)
    share = match is not None and match[2] == "%"
    unit = baseline_macs / 100 if share else _UNITS[match[2].lower()] if match else 0.0
    amount = float(match[1]) * unit if match else 0.0
    if not 0 < amount < _MOST_MACS:
        shown = repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}…"
        raise ConfigError(
            f"The target {shown} is not an amount of MACs: give giga-MACs (2.06 or 2.06G), mega-MACs (230M), "
            "kilo-MACs (900k), or a share of the baseline (10%)."
        )
    return math.floor(amount) if share else round(amount)


def parse_band(text: str) -> tuple[float, float]:
    """Parse a band such as `-5%,+1%` or `-0.05,0.01`.

    Returns:
        The lower and the upper edge as fractions of the target.

    Raises:
        ConfigError: It is not two numbers separated by a comma.
    """
    parts = text.split(",")
    try:
        low, high = (_fraction(part) for part in parts)
    except ValueError:
        raise ConfigError(
            f"The band {text!r} is not two edges separated by a comma, as in --band=-5%,+1% or --band=-0.05,0.01."
        ) from None
    return low, high


def _fraction(text: str) -> float:
    stripped = text.strip()
    value = float(stripped.removesuffix("%"))
    if not math.isfinite(value):
        raise ValueError(text)
    return value / 100 if stripped.endswith("%") else value
