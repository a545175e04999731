"""The effect of each component: how a figure changes without it, as the study's own answers have it."""

from collections.abc import Iterator
from dataclasses import dataclass

from ablations.code.summary.outline import Outline
from ablations.floor.answers import Answer, answer_all
from ablations.floor.figure import Figure
from ablations.floor.questions import Contrast, Verdict
from ablations.floor.results import Results
from ablations.floor.statistics import Estimate, estimate
from ablations.floor.table import Column, Scaled, Table
from ablations.floor.tables import column_of

MEANING = {
    Verdict.WORSE: "it helps",
    Verdict.BETTER: "it harms",
    Verdict.INCONCLUSIVE: "inconclusive",
}
"""What a change without a component says of the component."""


@dataclass(frozen=True, slots=True)
class ComponentEffect:
    """What one component does to one figure.

    Attributes:
        component: What was taken away.
        figure: Which figure.
        answer: Of the question that compares the original with what is left: its difference is the effect.
        with_it: The figure of the original, over all seeds that have one.
        without_it: That of what is left.
    """

    component: str
    figure: Figure
    answer: Answer
    with_it: Estimate | None
    without_it: Estimate | None


def effects_of(outline: Outline, results: Results) -> tuple[ComponentEffect, ...]:
    """Return all effects, in the order of the questions."""
    return tuple(_effects(outline, results))


def _effects(outline: Outline, results: Results) -> Iterator[ComponentEffect]:
    known = {figure.key: figure for figure in outline.figures}
    variants = outline.variants(results)
    for answer in answer_all(outline.questions, results):
        question = answer.question
        if not isinstance(question, Contrast) or question.first.get(outline.factor) != outline.original:
            continue
        variant = question.second.get(outline.factor)
        if variant in variants:
            with_it, without_it = (
                estimate(results.where(side).values(question.figure)) for side in (question.first, question.second)
            )
            yield ComponentEffect(str(variant), known[question.figure], answer, with_it, without_it)


def effects_table(effects: tuple[ComponentEffect, ...]) -> Table:
    """Make the table with one row per effect, the largest of each figure first."""
    return Table(
        key="effects",
        title="What each component does: the figure without it minus the original's, paired by seed ± 95 % t-interval",
        columns=(
            *(Column("component", "Component"), Column("figure", "Figure"), Column("seeds", "n")),
            *(Column("original", "Original"), Column("without", "Without it"), Column("effect", "Effect")),
            *(Column("p", "p (Holm)", digits=4), Column("says", "The component")),
        ),
        rows=tuple(
            (
                effect.component,
                column_of(effect.answer.question, effect.figure).heading,
                len(effect.answer.seeds),
                Scaled(effect.with_it, effect.figure.column),
                Scaled(effect.without_it, effect.figure.column),
                Scaled(effect.answer.difference, column_of(effect.answer.question, effect.figure)),
                effect.answer.p,
                "not measured" if effect.answer.difference is None else MEANING[effect.answer.verdict],
            )
            for effect in sorted(effects, key=_size)
        ),
        notes=(
            "Effects, intervals and p-values are those of the answers above.",
            "“It helps”: the figure is worse without the component, and p < 0.05 after Holm's correction.",
        ),
    )


def _size(effect: ComponentEffect) -> tuple[str, float]:
    difference = effect.answer.difference
    return effect.figure.key, -abs(difference.mean) if difference is not None else 1.0
