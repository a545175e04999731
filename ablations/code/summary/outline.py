"""What a summary has to know of its study: its source, its components, and how its conditions name them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ablations.code.source.annotations import Component
from ablations.code.source.documents import Documents
from ablations.floor.figure import Figure
from ablations.floor.questions import Question
from ablations.floor.results import Results


@dataclass(frozen=True, slots=True)
class Outline:
    """A code study, as far as its summary needs it.

    Attributes:
        documents: The original's.
        components: All that are marked, whether the study has conditions of them or not.
        figures: Of the study.
        questions: Of the study; their answers are the effects.
        factor: The factor whose level says what a condition is without.
        original: The level of the original.
        null: The level of the null ablation.
        left_out: Components without conditions, each with the reason.
    """

    documents: Documents
    components: tuple[Component, ...]
    figures: tuple[Figure, ...]
    questions: tuple[Question, ...]
    factor: str = "variant"
    original: str = "original"
    null: str = "null"
    left_out: Mapping[str, str] = field(default_factory=dict)

    def variants(self, results: Results) -> tuple[str, ...]:
        """Return the levels that are without something, in the order of the grid."""
        return tuple(str(level) for level in results.levels(self.factor) if level not in (self.original, self.null))
