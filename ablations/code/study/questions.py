"""The questions: what each component contributes, and what two do together."""

import re

from ablations.code.study.figures import reported_figures
from ablations.code.study.options import CodeOptions
from ablations.code.study.variants import VARIANT, pair_name, pairs_of
from ablations.code.trials.baselines import ORIGINAL
from ablations.floor.questions import Combination, Contrast, Question, Term


def questions(options: CodeOptions) -> tuple[Question, ...]:
    """Return one question per component, and with `--interactions` one per pair.

    The number of a pair is its interaction effect as `ablations.code.direct.factorial` has it.
    """
    figure = reported_figures(options)[0].figure
    names = [component.name for component in options.material.components]
    assert figure.better is not None, "every reported figure has a direction"
    alone = tuple(
        Contrast(
            key=f"without_{_slug(name)}",
            text=f"What becomes of {figure.title} without {name}?",
            figure=figure.key,
            better=figure.better,
            first={VARIANT: ORIGINAL},
            second={VARIANT: name},
        )
        for name in names
    )
    if not options.interactions:
        return alone
    together = tuple(
        Combination(
            key=f"interaction_{_slug(first)}_{_slug(second)}",
            text=f"Does losing {first} and {second} together cost another {figure.title} than losing each, added up?",
            figure=figure.key,
            better=figure.better,
            terms=(
                Term(weight=0.5, of={VARIANT: pair_name(first, second)}),
                Term(weight=-0.5, of={VARIANT: first}),
                Term(weight=-0.5, of={VARIANT: second}),
                Term(weight=0.5, of={VARIANT: ORIGINAL}),
            ),
        )
        for first, second in pairs_of(names)
    )
    return (*alone, *together)


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
