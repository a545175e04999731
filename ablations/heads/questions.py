"""The five questions of the study, as data: which arms are compared, by which figure, and how."""

from collections.abc import Iterator

from ablations.floor.condition import Level
from ablations.floor.figure import Direction
from ablations.floor.questions import Contrast, Interaction, Question, Slope
from ablations.heads.conditions import Arm, whole
from ablations.heads.figures import FIGURES
from ablations.heads.options import HeadsOptions

_WITHOUT: dict[str, Level] = {"arm": Arm.PRUNED.value}
_WITH: dict[str, Level] = {"arm": Arm.PRUNED_WITH_AGENCY.value}
_DENSE: dict[str, Level] = {"arm": Arm.DENSE.value}
_RATIOS = ("perplexity", "tokens_per_second")


def questions(options: HeadsOptions) -> tuple[Question, ...]:
    """Return the questions that the grid can answer: a slope needs two levels, or two temperatures.

    Ratios of perplexities and of speeds are compared, so these are asked by their logarithms.
    """
    return tuple(_asked(options))


def _asked(options: HeadsOptions) -> Iterator[Question]:
    pruned = [level for level in options.pruning_levels if level > 0]
    if len(options.pruning_levels) > 1:
        yield Slope(
            key="resilience",
            text="1. Does agency improve resilience to pruning: does the perplexity grow less per percent of heads?",
            figure="perplexity",
            better=_better("perplexity"),
            logarithm=True,
            along="level",
            of=_WITH,
            minus=_WITHOUT,
        )
    for level in pruned:
        for figure in _RATIOS:
            yield Contrast(
                key=f"level_{level:g}_{figure}",
                text=f"2. What is the optimal pruning level: is {_title(figure)} better at {level:g} % with agency "
                "than in the dense model?",
                figure=figure,
                better=_better(figure),
                logarithm=True,
                first=_DENSE,
                second={**_WITH, "level": whole(level)},
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
    if len(pruned) > 1:
        for figure in _RATIOS:
            yield Interaction(
                key=f"constraints_{figure}",
                text=f"4. Is agency more beneficial under resource constraints: does {_title(figure)} gain more by it "
                f"at {max(pruned):g} % than at {min(pruned):g} %?",
                figure=figure,
                better=_better(figure),
                logarithm=True,
                first=_WITHOUT,
                second=_WITH,
                along="level",
                low=whole(min(pruned)),
                high=whole(max(pruned)),
            )
    for figure in ("perplexity", "generation_perplexity", "lexical_diversity", "repetition"):
        yield Contrast(
            key=f"quality_{figure}",
            text=f"5. What types of quality metrics benefit most: is {_title(figure)} better with agency than without?",
            figure=figure,
            better=_better(figure),
            logarithm=figure.endswith("perplexity"),
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
