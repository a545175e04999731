"""Answers in words."""

from collections.abc import Sequence

from ablations.floor.answers import Answer
from ablations.floor.figure import Figure
from ablations.floor.questions import Slope, Verdict
from ablations.floor.table import Column
from ablations.floor.tables import column_of, compared
from ground.counting import counted


def answer_sentences(answers: Sequence[Answer], figures: Sequence[Figure]) -> tuple[str, ...]:
    """Return one text per question: the question, the verdict, the numbers it rests on, and what they mean."""
    known = {figure.key: figure for figure in figures}
    return tuple(f"{answer.question.text} {_said(answer, known[answer.question.figure])}" for answer in answers)


def _said(answer: Answer, figure: Figure) -> str:
    if answer.difference is None:
        return "Inconclusive: no seed has a figure of every condition that this needs."
    column = column_of(answer.question, figure)
    unit = f" {column.unit}" if column.unit else ""
    what = f"{column.title}, {compared(answer.question)}: {column.show(answer.difference)}{unit}"
    seeds = counted(len(answer.seeds), "seed")
    return f"{_verdict(answer)}: {what} ({seeds}{_test(answer)}).{_meaning(answer, column)}"


def _verdict(answer: Answer) -> str:
    if isinstance(answer.question, Slope) and answer.verdict is not Verdict.INCONCLUSIVE:
        return f"It gets {answer.verdict}"
    return answer.verdict.capitalize()


def _test(answer: Answer) -> str:
    return "" if answer.p is None else f", {answer.question.test}, p = {answer.p:.4f} after Holm's correction"


def _meaning(answer: Answer, column: Column) -> str:
    """Say what a result without evidence could have shown, and what one without a spread cannot."""
    if answer.exact:
        return " Every seed gives the same difference: it holds for what was measured, and says nothing beyond it."
    if answer.p is None:
        return " One seed has no spread to test: measure more."
    if answer.verdict is not Verdict.INCONCLUSIVE:
        return ""
    if answer.smallest is None:
        return " So few seeds could not have shown any difference by this test: measure more."
    smallest = f"{column.show(answer.smallest)} {column.unit}".rstrip()
    return f" So many seeds show a difference of {smallest} with a probability of 80 %."
