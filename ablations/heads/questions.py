"""The five questions of the study, as data: which arms are compared, by which figures, and how."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from ablations.heads.conditions import Arm
from ablations.heads.figures import FIGURES, Better


class Comparison(StrEnum):
    """How the rows of a seed become one number per seed, on which the test is made.

    DIFFERENCE: the figure of `arm` − that of `against`, the mean over all shared conditions.
    SLOPE_DIFFERENCE: the figure's least-squares slope over `along` in `arm` − that in `against`.
    SLOPE: the figure's slope over `along` in `arm`.
    GAIN_DIFFERENCE: `arm` − `against` at the highest value of `along` − the same at the lowest that prunes.
    BEST: the value of `along` at which the figure of `arm` is best relative to `against`; no test, a table.
    """

    DIFFERENCE = "difference"
    SLOPE_DIFFERENCE = "slope difference"
    SLOPE = "slope"
    GAIN_DIFFERENCE = "gain difference"
    BEST = "best"


@dataclass(frozen=True, slots=True)
class Question:
    """A question with all that is needed to answer it from rows.

    Attributes:
        name: a short name.
        text: the question as asked.
        comparison: how each seed becomes one number.
        figures: the figures, each with a test of its own; the smaller p-values pay for their number (Holm).
        arm: the arm that is asked about.
        against: the arm that it is compared with; None where the arm alone is looked at.
        along: the factor along which slopes, gains and best values are taken.
        logarithm: whether the figures are compared by their logarithms, as ratios are.
    """

    name: str
    text: str
    comparison: Comparison
    figures: tuple[str, ...]
    arm: Arm
    against: Arm | None
    along: str | None = None
    logarithm: bool = False
    better: Mapping[str, Better] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "better", MappingProxyType({name: FIGURES[name].better for name in self.figures}))


QUESTIONS: tuple[Question, ...] = (
    Question(
        "resilience",
        "Does agency improve resilience to pruning?",
        Comparison.SLOPE_DIFFERENCE,
        ("perplexity",),
        Arm.PRUNED_WITH_AGENCY,
        Arm.PRUNED,
        along="level",
        logarithm=True,
    ),
    Question(
        "optimal-level",
        "What is the optimal pruning level?",
        Comparison.BEST,
        ("tokens_per_second", "perplexity"),
        Arm.PRUNED_WITH_AGENCY,
        Arm.DENSE,
        along="level",
        logarithm=True,
    ),
    Question(
        "temperature",
        "How does temperature affect pruned models?",
        Comparison.SLOPE,
        ("generation_perplexity", "lexical_diversity", "repetition"),
        Arm.PRUNED,
        None,
        along="temperature",
    ),
    Question(
        "constraints",
        "Is agency more beneficial under resource constraints?",
        Comparison.GAIN_DIFFERENCE,
        ("perplexity", "tokens_per_second"),
        Arm.PRUNED_WITH_AGENCY,
        Arm.PRUNED,
        along="level",
        logarithm=True,
    ),
    Question(
        "quality",
        "What types of quality metrics benefit most?",
        Comparison.DIFFERENCE,
        ("perplexity", "generation_perplexity", "lexical_diversity", "repetition"),
        Arm.PRUNED_WITH_AGENCY,
        Arm.PRUNED,
    ),
)
