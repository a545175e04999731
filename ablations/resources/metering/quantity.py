"""A value with its unit that says where it comes from; one that nobody measured is missing, and is never estimated."""

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator


class Origin(StrEnum):
    """Where a value comes from."""

    MEASURED = "measured"
    DERIVED = "derived"
    MISSING = "missing"


class Quantity(BaseModel):
    """A value, or the reason why there is none.

    Attributes:
        value: in `unit`; None if it is missing, and only then.
        unit: as "s", "bytes", "J" or "%", where 100 % of CPU time is one core.
        origin: whether something was read (measured), calculated from what was read (derived), or neither.
        why: what was read, what it is calculated from, or why it is missing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    value: float | None
    unit: str
    origin: Origin
    why: str

    @model_validator(mode="after")
    def _is_honest(self) -> Self:
        if (self.value is None) is not (self.origin is Origin.MISSING):
            raise ValueError(f"a quantity without a value is missing, and only such a one; received {self!r}")
        if not self.why.strip():
            raise ValueError(f"a quantity says where its value comes from, or why it has none; received {self!r}")
        return self

    @classmethod
    def measured(cls, value: float, unit: str, why: str) -> Self:
        """A value that was read, and from what."""
        return cls(value=value, unit=unit, origin=Origin.MEASURED, why=why)

    @classmethod
    def derived(cls, value: float, unit: str, why: str) -> Self:
        """A value that was calculated, and from what."""
        return cls(value=value, unit=unit, origin=Origin.DERIVED, why=why)

    @classmethod
    def missing(cls, unit: str, why: str) -> Self:
        """No value, and the reason."""
        return cls(value=None, unit=unit, origin=Origin.MISSING, why=why)

    def over(self, other: "Quantity", why: str) -> "Quantity":
        """This divided by another, as energy by tokens; missing where one of the two is, or where the other is 0."""
        unit = f"{self.unit}/{other.unit}"
        if self.value is None or other.value is None:
            return Quantity.missing(unit, self.why if self.value is None else other.why)
        if other.value == 0:
            return Quantity.missing(unit, f"there is nothing to divide by: {other.why}")
        return Quantity.derived(self.value / other.value, unit, why)


def summed(quantities: Sequence[Quantity], unit: str, of: str) -> Quantity:
    """Add up quantities, as what all branches of a task took.

    Args:
        quantities: all of one unit; one that is missing makes the sum missing.
        unit: theirs.
        of: what there are several of, in the plural, as "calls".

    Raises:
        ValueError: they are not all of that unit.
    """
    strange = {one.unit for one in quantities} - {unit}
    if strange:
        raise ValueError(f"{of} in {unit} cannot be added to {', '.join(sorted(strange))}")
    lost = [one for one in quantities if one.value is None]
    if lost:
        return Quantity.missing(unit, f"{len(lost)} of {len(quantities)} {of} lack it: {lost[0].why}")
    return Quantity.derived(math.fsum(one.value or 0.0 for one in quantities), unit, f"sum of {len(quantities)} {of}")
