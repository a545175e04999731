"""The tables of a study: answers, cells with their means, every condition, and what failed."""

from collections.abc import Iterator, Mapping, Sequence

from ablations.floor.answers import Answer
from ablations.floor.condition import Level
from ablations.floor.figure import Figure
from ablations.floor.questions import Combination, Contrast, Interaction, Question
from ablations.floor.results import Outcome, Results
from ablations.floor.statistics import Estimate, estimate
from ablations.floor.table import Column, Scaled, Table, Value


def answers_table(answers: Sequence[Answer], figures: Sequence[Figure]) -> Table:
    """Make the table with one row per question."""
    known = {figure.key: figure for figure in figures}
    columns = (
        *(Column("question", "Question"), Column("figure", "Figure"), Column("compared", "Compared")),
        Column("seeds", "n"),
        Column("difference", "Difference"),
        Column("p", "p (Holm)", digits=4),
        Column("p_flips", "p (flips)", digits=4),
        Column("verdict", "Verdict"),
        Column("smallest", "Smallest visible"),
    )
    return Table(
        key="answers",
        title="The questions: differences paired by seed ± 95 % t-interval",
        columns=columns,
        rows=tuple(_answer_row(answer, known[answer.question.figure]) for answer in answers),
        notes=(
            "A verdict needs p < 0.05 after Holm's correction for all questions; intervals are each question's own.",
            "p (flips): the exact test by sign flips, uncorrected, which assumes no distribution.",
            "Smallest visible: what so many seeds show with a probability of 80 %, under that correction.",
            *_exact_note(answers),
            *_left_out_notes(answers),
        ),
    )


def _answer_row(answer: Answer, figure: Figure) -> tuple[Value, ...]:
    return (
        answer.question.text,
        column_of(answer.question, figure).heading,
        compared(answer.question),
        len(answer.seeds),
        Scaled(answer.difference, column_of(answer.question, figure)),
        answer.p,
        answer.p_flips,
        answer.verdict.value,
        Scaled(answer.smallest, column_of(answer.question, figure)),
    )


def column_of(question: Question, figure: Figure) -> Column:
    """Return how a difference of a question is shown: as the figure itself, or as the logarithm of a ratio."""
    return Column(figure.key, f"ln {figure.title}", digits=4) if question.logarithm else figure.column


def compared(question: Question) -> str:
    """Return in words what a question compares."""
    if isinstance(question, Contrast):
        return f"{_levels(question.second)} minus {_levels(question.first)}"
    if isinstance(question, Interaction):
        sides = f"{_levels(question.second)} minus {_levels(question.first)}"
        return f"({sides}) at {question.along} {question.high} minus the same at {question.along} {question.low}"
    if isinstance(question, Combination):
        return _sum(question)
    minus = "" if question.minus is None else f" minus that of {_levels(question.minus)}"
    return f"slope along {question.along} of {_levels(question.of)}{minus}"


def _sum(question: Combination) -> str:
    signs = (("minus " if term.weight < 0 else "plus ", abs(term.weight), _levels(term.of)) for term in question.terms)
    return " ".join(f"{sign}{'' if size == 1 else f'{size:g} × '}{what}" for sign, size, what in signs).removeprefix(
        "plus "
    )


def _levels(selection: Mapping[str, Level]) -> str:
    return ", ".join(f"{name} {level}" for name, level in selection.items()) or "all"


def _exact_note(answers: Sequence[Answer]) -> tuple[str, ...]:
    exact = [answer.question.text for answer in answers if answer.exact]
    if not exact:
        return ()
    said = "The same difference with every seed, which holds for what was measured and says nothing beyond it:"
    return (f"{said} {' '.join(exact)}",)


def _left_out_notes(answers: Sequence[Answer]) -> Iterator[str]:
    left = sorted({seed for answer in answers for seed in answer.left_out})
    if left:
        seeds = ", ".join(map(str, left))
        yield f"A seed that lacks a condition answers no question that needs it: {seeds}."
    for answer in answers:
        if answer.dropped:
            cells = "; ".join(cell.replace(",", " ").replace('"', "") for cell in answer.dropped[:_MOST_CELLS])
            more = len(answer.dropped) - _MOST_CELLS
            yield (
                f"{answer.question.text} Left out, for want of a figure or of a counterpart: {cells}"
                f"{f' and {more} more' if more > 0 else ''}."
            )


_MOST_CELLS = 4


def cells_table(results: Results, figures: Sequence[Figure]) -> Table:
    """Make the table with one row per cell of the grid, and the mean of each figure over its seeds."""
    factors = results.factors()
    rows = []
    for levels, outcomes in results.cells():
        means = (_mean(outcomes, figure.key) for figure in figures)
        count = sum(outcome.figures is not None for outcome in outcomes)
        rows.append((*(levels.get(name) for name in factors), count, *means))
    return Table(
        key="cells",
        title="Every cell of the grid: mean ± 95 % t-interval over seeds",
        columns=(*map(_factor_column, factors), Column("seeds", "n"), *(figure.column for figure in figures)),
        rows=tuple(rows),
    )


def _mean(outcomes: Sequence[Outcome], figure: str) -> Estimate | None:
    return estimate(Results(tuple(outcomes)).values(figure))


def estimates_table(results: Results, figures: Sequence[Figure]) -> Table:
    """Make the table with one row per cell and figure, in base units: mean, standard deviation and interval."""
    factors = results.factors()
    rows: list[tuple[Value, ...]] = []
    for levels, outcomes in results.cells():
        for figure in figures:
            mean = _mean(outcomes, figure.key)
            if mean is not None:
                numbers = (mean.n, mean.mean, mean.sd, mean.low, mean.high)
                rows.append((*(levels.get(name) for name in factors), figure.key, *numbers))
    titles = (("mean", "Mean"), ("sd", "Standard deviation"), ("low", "95 % from"), ("high", "95 % to"))
    return Table(
        key="estimates",
        title="Every cell and figure in base units: mean, standard deviation and 95 % t-interval over seeds",
        columns=(
            *map(_factor_column, factors),
            *(Column("figure", "Figure"), Column("seeds", "n")),
            *(Column(key, title, digits=6) for key, title in titles),
        ),
        rows=tuple(rows),
    )


def conditions_table(results: Results, figures: Sequence[Figure]) -> Table:
    """Make the table with one row per condition; one without figures says why."""
    factors = results.factors()
    return Table(
        key="conditions",
        title="Every condition",
        columns=(
            *map(_factor_column, factors),
            *(Column("seed", "Seed", digits=0, grouped=False), Column("state", "State")),
            *(figure.column for figure in figures),
            Column("reason", "Reason"),
        ),
        rows=tuple(_condition_row(outcome, factors, figures) for outcome in results.outcomes),
    )


def _condition_row(outcome: Outcome, factors: Sequence[str], figures: Sequence[Figure]) -> tuple[Value, ...]:
    levels = outcome.condition.factors
    measured = outcome.figures or {}
    return (
        *(levels.get(name) for name in factors),
        outcome.condition.seed,
        state_of(outcome),
        *(measured.get(figure.key) for figure in figures),
        outcome.error,
    )


def state_of(outcome: Outcome) -> str:
    """Return how far a condition is, in one word or two."""
    if outcome.figures is not None:
        return "measured"
    return "not measured yet" if outcome.error is None else "failed"


def failed_table(results: Results) -> Table:
    """Make the table of the conditions that failed."""
    factors = results.factors()
    return Table(
        key="failed",
        title="Failed conditions, which count in no mean and in no answer",
        columns=(
            *map(_factor_column, factors),
            Column("seed", "Seed", digits=0, grouped=False),
            Column("reason", "Because"),
        ),
        rows=tuple(
            (*(o.condition.factors.get(name) for name in factors), o.condition.seed, o.error) for o in results.failed
        ),
    )


def _factor_column(name: str) -> Column:
    return Column(name, name.replace("_", " ").capitalize(), digits=None, grouped=False)
