"""Answers the questions of a study: estimates, p-values after Holm's correction, verdicts, and what could be seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ablations.floor.pairing import Paired, paired
from ablations.floor.power import smallest_detectable
from ablations.floor.questions import PairedTest, Question, Verdict
from ablations.floor.results import Results
from ablations.floor.sign_flips import sign_flip_p_value
from ablations.floor.statistics import SIGNIFICANCE, Estimate, estimate, holm, is_rounding, paired_p_value


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question.

    Attributes:
        seeds: The seeds that answer it.
        left_out: The seeds that do not, because they lack a condition that others have.
        dropped: The cells that no seed has, or that have no counterpart on the other side.
        difference: Second minus first, or the slope; None if no seed is complete.
        p: The p-value of the question's test, adjusted by Holm's method for all questions of the study; None for fewer
            than two seeds.
        p_flips: That of the exact test, not adjusted, as a check of the assumption that the other makes.
        smallest: The smallest difference that these seeds would have shown with a probability of 80 %, whatever the
            other questions: at 5 % divided by their number, which is the strictest level that Holm's method asks for.
        exact: Whether every seed gives the same difference, which is then no sample of anything.
    """

    question: Question
    seeds: tuple[int, ...]
    left_out: tuple[int, ...]
    dropped: tuple[str, ...]
    difference: Estimate | None
    p: float | None
    p_flips: float | None
    smallest: float | None = None
    exact: bool = False

    @property
    def verdict(self) -> Verdict:
        """Conclusive only if the adjusted p-value is below 5 %."""
        if self.p is None or self.difference is None or self.p >= SIGNIFICANCE:
            return Verdict.INCONCLUSIVE
        good = self.question.better.sign * self.difference.mean > 0
        return Verdict.BETTER if good else Verdict.WORSE


def answer_all(questions: Sequence[Question], results: Results) -> tuple[Answer, ...]:
    """Answer all questions of a study together: the p-values are adjusted for how many can be answered."""
    raw = [_answer(question, results) for question in questions]
    adjusted = holm([answer.p for answer in raw])
    asked = max(1, sum(p is not None for p in adjusted))
    return tuple(
        replace(answer, p=p, smallest=_smallest(answer, SIGNIFICANCE / asked))
        for answer, p in zip(raw, adjusted, strict=True)
    )


def _answer(question: Question, results: Results) -> Answer:
    found = paired(question, results)
    numbers = list(found.by_seed.values())
    flips = sign_flip_p_value(numbers)
    return Answer(
        question=question,
        seeds=tuple(found.by_seed),
        left_out=found.left_out,
        dropped=found.dropped,
        difference=estimate(numbers),
        p=flips if question.test is PairedTest.SIGN_FLIPS else paired_p_value(numbers, found.scale),
        p_flips=flips,
        exact=_is_exact(found),
    )


def _is_exact(found: Paired) -> bool:
    numbers = list(found.by_seed.values())
    return len(numbers) > 1 and is_rounding(max(numbers) - min(numbers), found.scale)


def _smallest(answer: Answer, significance: float) -> float | None:
    if answer.difference is None or answer.difference.sd is None or answer.exact:
        return None
    if answer.question.test is PairedTest.SIGN_FLIPS and 2 / 2 ** len(answer.seeds) >= significance:
        return None  # no difference whatever
    return smallest_detectable(answer.difference.sd, len(answer.seeds), significance)
