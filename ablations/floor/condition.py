"""A condition of a study: one level of each factor, and a seed."""

import hashlib
import json
import re
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr, field_validator

Level = StrictStr | StrictInt | StrictFloat
"""A level of a factor."""
_READABLE = 60


class Condition(BaseModel):
    """What is measured once: one cell of the grid with one seed.

    Attributes:
        factors: The level of each factor, by name. A factor that does not apply to a condition is left out.
        seed: The seed of everything random in the measurement.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    factors: dict[str, Level]
    seed: int = Field(strict=True)

    @field_validator("factors")
    @classmethod
    def _named(cls, factors: dict[str, Level]) -> dict[str, Level]:
        wrong = [name for name in factors if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name == "seed"]
        if wrong:
            raise ValueError(f"factors are named in lower case, and none is the seed; received {wrong}")
        return factors

    @property
    def key(self) -> str:
        """Its name in the ledger, whatever the order of its factors: `arm="dense",level=0,seed=42`."""
        return f"{cell_key(self.factors)},seed={self.seed}".lstrip(",")

    @property
    def cell(self) -> str:
        """Its key without the seed: conditions of one cell differ in their seed only."""
        return cell_key(self.factors)

    @property
    def file_name(self) -> str:
        """A name for its files that no other condition has."""
        readable = re.sub(r"[^A-Za-z0-9.=]+", "-", self.key.replace('"', "")).strip("-.")[:_READABLE]
        return f"{readable}-{hashlib.sha256(self.key.encode()).hexdigest()[:8]}"


def cell_key(factors: Mapping[str, Level]) -> str:
    """Return factors as text, sorted by name; equal if, and only if, the factors are."""
    return ",".join(f"{name}={json.dumps(level)}" for name, level in sorted(factors.items()))


def shown(condition: Condition) -> str:
    """Return a condition for a person: `arm=dense level=0 seed=42`."""
    return " ".join([*(f"{name}={level}" for name, level in condition.factors.items()), f"seed={condition.seed}"])
