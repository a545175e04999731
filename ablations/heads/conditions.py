"""What is measured: every arm where it makes a difference, and nowhere twice."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from ablations.floor.condition import Condition, Level
from ablations.heads.options import HeadsOptions

NO_METHOD = "none"


class Arm(StrEnum):
    """What happens to the heads."""

    DENSE = "dense"
    PRUNED = "pruned"
    PRUNED_WITH_AGENCY = "pruned-agency"
    AGENCY = "agency"

    @property
    def prunes(self) -> bool:
        """Whether heads are selected and removed."""
        return self in (Arm.PRUNED, Arm.PRUNED_WITH_AGENCY)

    @property
    def has_agency(self) -> bool:
        """Whether the forward pass respects states and consent."""
        return self in (Arm.PRUNED_WITH_AGENCY, Arm.AGENCY)


class Factors(BaseModel):
    """What distinguishes one condition from the others, besides its seed.

    Attributes:
        arm: what happens to the heads.
        method: the criterion; `none` where no head is removed.
        level: percent of all heads that are removed.
        temperature: of sampling.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    arm: Arm
    method: str = NO_METHOD
    level: float = Field(0, ge=0, le=100)
    temperature: float = Field(ge=0)

    def levels(self) -> dict[str, Level]:
        """Return the level of each factor, as a condition has it; a whole number as such."""
        return {
            "arm": self.arm.value,
            "method": self.method,
            "level": whole(self.level),
            "temperature": whole(self.temperature),
        }


def conditions(options: HeadsOptions) -> tuple[Condition, ...]:
    """Return all conditions, in the order of the tables: each cell with every seed.

    The dense model and agency alone depend on neither level nor criterion, and a level of 0 on no criterion: each of
    them is one condition per temperature. The pruned arms are measured at level 0 too, where they must equal the
    others.
    """
    cells = [
        Factors(arm=arm, method=method, level=level, temperature=temperature)
        for temperature in options.temperatures
        for arm in Arm
        for level in (options.pruning_levels if arm.prunes else (0,))
        for method in (options.pruning_method if level else (NO_METHOD,))
    ]
    return tuple(Condition(factors=cell.levels(), seed=seed) for cell in cells for seed in options.all_seeds)


def whole(number: float) -> Level:
    """Return a level as it stands in conditions: a whole number as such."""
    return int(number) if float(number).is_integer() else number
