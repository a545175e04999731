"""The five questions of the study, as data: which arms are compared, by which figure, and how."""

from collections.abc import Iterator

from ablations.floor.condition import Level
from ablations.floor.figure import Direction
from ablations.floor.questions import Contrast, Question, Slope
from ablations.heads.conditions import Arm
from ablations.heads.figures import FIGURES
from ablations.heads.options import HeadsOptions

_WITHOUT: dict[str, Level] = {"arm": Arm.PRUNED.value}
_WITH: dict[str, Level] = {"arm": Arm.PRUNED_WITH_AGENCY.value}
_DENSE: dict[str, Level] = {"arm": Arm.DENSE.value}


def questions(options: HeadsOptions) -> tuple[Question, ...]:
    """Return the questions that the grid can answer: a slope needs two levels, or two temperatures.

    How much perplexity changes is asked of its logarithm, the loss: ratios of perplexities are what is compared.
    """
    return tuple(_asked(options))


def _asked(options: HeadsOptions) -> Iterator[Question]:
    pruned = [level for level in options.pruning_levels if level > 0]
    if len(options.pruning_levels) > 1:
        yield Slope(
            key="resilience",
            text="1. Does agency improve resilience to pruning: does the loss grow less per percent of heads?",
            figure="loss",
            better=_better("loss"),
            along="level",
            of=_WITH,
            minus=_WITHOUT,
        )
    for level in pruned:
        for figure in ("loss", "tokens_per_second"):
            yield Contrast(
                key=f"level_{level:g}_{figure}",
                text=f"2. What is the optimal pruning level: is {_title(figure)} better at {level:g} % with agency "
                "than in the dense model?",
                figure=figure,
                better=_better(figure),
                first=_DENSE,
                second={**_WITH, "level": level},
            )
    if len(options.temperatures) > 1:
        for figure in ("generation_perplexity", "lexical_diversity", "repetition"):
            yield Slope(
                key=f"temperature_{figure}",
                text=f"3. How does temperature affect pruned models: does {_title(figure)} get better as it rises?",
                figure=figure,
                better=_better(figure),
                along="temperature",
                of=_WITHOUT,
            )
    if len(options.pruning_levels) > 1:
        yield Slope(
            key="constraints",
            text="4. Is agency more beneficial under resource constraints: does it gain speed with the level?",
            figure="tokens_per_second",
            better=_better("tokens_per_second"),
            along="level",
            of=_WITH,
            minus=_WITHOUT,
        )
    for figure in ("loss", "generation_perplexity", "lexical_diversity", "repetition"):
        yield Contrast(
            key=f"quality_{figure}",
            text=f"5. What types of quality metrics benefit most: is {_title(figure)} better with agency than without?",
            figure=figure,
            better=_better(figure),
            first=_WITHOUT,
            second=_WITH,
        )


def _better(figure: str) -> Direction:
    better = FIGURES[figure].better
    assert better is not None, f"nothing is better about {figure}"
    return better


def _title(figure: str) -> str:
    title = FIGURES[figure].title
    return f"the {title[0].lower()}{title[1:]}"
