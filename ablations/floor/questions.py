"""The questions of a study, as data: what is compared, by which figure, and by which test."""

import math
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ablations.floor.condition import Level
from ablations.floor.figure import Direction


class PairedTest(StrEnum):
    """A two-sided test of paired differences whose null hypothesis is a mean of zero.

    Seeds are few. With n of them the exact test by sign flips has no p-value below 2/2ⁿ, so fewer than six can never
    show anything at 5 %, whatever they measure. Student's test can, at the price of an assumption: that the differences
    are roughly normal, as averages over many prompts or images are. It is therefore the default; the exact test is
    there for figures of which that cannot be assumed, and its p-value stands beside the other in every table.
    """

    PAIRED_T = "paired t-test"
    SIGN_FLIPS = "exact sign-flip test"


class Verdict(StrEnum):
    """How the second of two compares with the first, or whether a figure gets better along a factor."""

    BETTER = "better"
    WORSE = "worse"
    INCONCLUSIVE = "inconclusive"


class _Question(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    key: str
    text: str
    figure: str
    better: Direction
    test: PairedTest = PairedTest.PAIRED_T
    logarithm: bool = False

    @field_validator("text")
    @classmethod
    def _asks(cls, text: str) -> str:
        if not text.endswith("?"):
            raise ValueError(f"a question ends with a question mark; received {text!r}")
        return text


class Contrast(_Question):
    """Whether the conditions of one selection have a better figure than those of another.

    Attributes:
        key: Its name in files.
        text: The question in words.
        figure: Key of the figure that answers it.
        better: Which values of the figure are better.
        test: How the differences are tested.
        logarithm: Whether the figure's logarithm is compared, so that the difference is that of a ratio.
        first: Levels of what is compared with.
        second: Levels of what is asked about; the difference is second minus first.
    """

    first: dict[str, Level]
    second: dict[str, Level]


class Slope(_Question):
    """Whether a figure gets better along a factor with numbers, by the least-squares slope of each seed.

    Attributes:
        key: Its name in files.
        text: The question in words.
        figure: Key of the figure that answers it.
        better: Which values of the figure are better.
        test: How the slopes are tested.
        logarithm: Whether the slope is that of the figure's logarithm.
        along: The factor, whose levels are numbers.
        of: Levels of the conditions that count.
        minus: Levels of conditions whose slope is subtracted, seed by seed; None for the slope itself.
    """

    along: str
    of: dict[str, Level] = Field(default_factory=dict)
    minus: dict[str, Level] | None = None


class Interaction(_Question):
    """Whether what separates two selections is larger at one level of a factor than at another.

    The number of a seed is (second − first) at `high` minus (second − first) at `low`.

    Attributes:
        key: Its name in files.
        text: The question in words.
        figure: Key of the figure that answers it.
        better: Which values of the figure are better.
        test: How the numbers are tested.
        logarithm: Whether the figure's logarithm is compared.
        first: Levels of what is compared with.
        second: Levels of what is asked about.
        along: The factor.
        low: The level at which the difference is subtracted.
        high: The level at which it counts.
    """

    first: dict[str, Level]
    second: dict[str, Level]
    along: str
    low: Level
    high: Level


class Term(BaseModel):
    """A selection of conditions and what its mean is multiplied by."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    weight: float
    of: dict[str, Level]


class Combination(_Question):
    """Whether a weighted sum of selections is different from zero, as the interaction of two treatments.

    Attributes:
        key: Its name in files.
        text: The question in words.
        figure: Key of the figure that answers it.
        better: Which values of the figure are better.
        test: How the sums are tested.
        logarithm: Whether the figure's logarithm is combined.
        terms: The selections and their weights, which add up to 0: else the level of the figure would count.
    """

    terms: tuple[Term, ...] = Field(min_length=2)

    @field_validator("terms")
    @classmethod
    def _balanced(cls, terms: tuple[Term, ...]) -> tuple[Term, ...]:
        if abs(math.fsum(term.weight for term in terms)) > 1e-12:
            raise ValueError(f"the weights add up to 0; received {[term.weight for term in terms]}")
        return terms


Question = Contrast | Slope | Interaction | Combination
