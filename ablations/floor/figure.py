"""A figure that a study measures: its name, unit and how it is shown."""

import re
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, field_validator

from ablations.floor.table import Column


class Direction(StrEnum):
    """Which values of a figure are better."""

    HIGHER = "higher"
    LOWER = "lower"

    @property
    def sign(self) -> int:
        """What a difference is multiplied by, so that more is better."""
        return 1 if self is Direction.HIGHER else -1


class Figure(BaseModel):
    """A figure, as tables, plots and MLflow show it.

    Attributes:
        key: Its name in the ledger, in files and in MLflow.
        title: Its displayed name, without the unit.
        better: Which values are better; None if neither is.
        unit: The displayed unit; empty for counts and ratios.
        scale: Displayed value = measured value × scale.
        digits: Number of displayed decimals.
        timed: Whether it depends on the machine and the moment, so that the same seed does not give the same value.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    title: str
    better: Direction | None
    unit: str = ""
    scale: float = 1.0
    digits: int = 3
    timed: bool = False

    @field_validator("key")
    @classmethod
    def _named(cls, key: str) -> str:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", key) or key == "wall_s":
            raise ValueError(
                f"a figure is named in lower case, as perplexity or first_token_ms, and wall_s is known of every "
                f"condition; received {key!r}"
            )
        return key

    @property
    def column(self) -> Column:
        """Its column in tables."""
        return Column(self.key, self.title, self.unit, self.scale, self.digits)

    @property
    def label(self) -> str:
        """Its name with the unit, for an axis."""
        return self.column.heading
