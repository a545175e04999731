"""The compute budget: a target in MACs and the band in which a proposal counts as on target."""

import math
import re
from dataclasses import dataclass

from search.errors import ConfigError

_UNITS = {"": 1e9, "g": 1e9, "m": 1e6, "k": 1e3}
_TARGET = re.compile(r"^\s*([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*([gGmMkK%]?)(?:[mM][aA][cC][sS]?)?\s*$")


@dataclass(frozen=True, slots=True)
class Budget:
    """A MAC budget.

    Attributes:
        target_macs: multiply-accumulates of one forward pass at batch 1, by the plan's counter.
        band: fractions of the target, (-0.05, +0.01) by default: the tolerance of the published loop.
    """

    target_macs: int
    band: tuple[float, float] = (-0.05, 0.01)

    def __post_init__(self) -> None:
        low, high = self.band
        if not low < high:
            raise ConfigError(
                f"The band {low:+.2%} to {high:+.2%} of the target is empty: its lower edge must lie below its "
                "upper one, as in --band=-5%,+1%."
            )
        if low > 0 or high < 0:
            raise ConfigError(
                f"The band {low:+.2%} to {high:+.2%} does not hold the target itself; it must reach from 0 or "
                "below to 0 or above, as in --band=-5%,+1%."
            )

    @property
    def band_macs(self) -> tuple[int, int]:
        """Lowest and highest MACs inside the band, both included."""
        low, high = self.band
        return math.ceil(self.target_macs * (1 + low)), math.floor(self.target_macs * (1 + high))

    def holds(self, macs: int) -> bool:
        """Whether a model of so many MACs is on target."""
        low, high = self.band_macs
        return low <= macs <= high


def parse_target(text: str, baseline_macs: int) -> int:
    """MACs meant by `2.06` or `2.06G` (giga), `230M`, `900k`, or `10%` of the baseline.

    Raises:
        ConfigError: not a number with one of those units, or not above zero.
    """
    match = _TARGET.match(text)
    value = float(match[1]) if match else 0.0
    if match is None or not math.isfinite(value) or value <= 0:
        raise ConfigError(
            f"The target {text!r} is no amount of MACs: give giga-MACs (2.06 or 2.06G), mega-MACs (230M), "
            "kilo-MACs (900k), or a share of the baseline (10%)."
        )
    if match[2] == "%":
        return math.floor(baseline_macs * value / 100)
    return round(value * _UNITS[match[2].lower()])


def parse_band(text: str) -> tuple[float, float]:
    """The band written as `-5%,+1%` or `-0.05,0.01`.

    Raises:
        ConfigError: not two numbers with a comma between.
    """
    parts = text.split(",")
    try:
        low, high = (_fraction(part) for part in parts)
    except ValueError:
        raise ConfigError(
            f"The band {text!r} is not two edges with a comma between, as in --band=-5%,+1% or --band=-0.05,0.01."
        ) from None
    return low, high


def _fraction(text: str) -> float:
    stripped = text.strip()
    value = float(stripped.removesuffix("%"))
    if not math.isfinite(value):
        raise ValueError(text)
    return value / 100 if stripped.endswith("%") else value
