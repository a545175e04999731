"""What came of one attempt: a call with its judgement."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ablations.resources.arms.resource import Resource


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call and its judgement, as far as the arms need them.

    Attributes:
        visible: Whether the visible checks passed; None if the attempt is missing: no answer, or no judgement, for a
            reason that is not the model's. It is then never counted as a failure.
        solved: Whether visible and held-out checks passed. No decision of an arm reads it.
        used: Of each resource; None where it was not measured.
    """

    visible: bool | None
    solved: bool | None
    used: Mapping[Resource, float | None] = field(default_factory=dict)

    @property
    def missing(self) -> bool:
        """Whether nothing is known of what the model can do."""
        return self.visible is None or self.solved is None
