"""The heads study on the floor of all studies: its grid, its measure, its questions and its plots."""

from collections.abc import Mapping
from pathlib import Path

from ablations.floor.condition import Condition
from ablations.floor.figure import Figure
from ablations.floor.figure_plot import FigurePlot
from ablations.floor.questions import Question
from ablations.floor.report import Extras, Section
from ablations.floor.results import Results
from ablations.floor.study import MeasureContext, Study
from ablations.heads.conditions import conditions
from ablations.heads.figures import FIGURES
from ablations.heads.options import HeadsOptions
from ablations.heads.questions import questions


class HeadsStudy(Study[HeadsOptions]):
    """Attention heads of a language model, removed with and without agency."""

    name = "heads"
    question = "Which attention heads can a language model lose, and does agency help?"
    options = HeadsOptions

    def figures(self, options: HeadsOptions) -> tuple[Figure, ...]:
        """Return the figures of every condition."""
        return tuple(FIGURES.values())

    def conditions(self, options: HeadsOptions) -> tuple[Condition, ...]:
        """Return every arm where it makes a difference."""
        return conditions(options)

    def measure(self, options: HeadsOptions, condition: Condition, context: MeasureContext) -> Mapping[str, float]:
        """Measure one condition; see `ablations.heads.measure`."""
        import torch

        from ablations.heads.measure import measure

        torch.set_num_threads(context.threads)
        return measure(options, condition.factors, condition.seed, context.cache, context.artifacts)

    def questions(self, options: HeadsOptions) -> tuple[Question, ...]:
        """Return the five questions."""
        return questions(options)

    def check(self, options: HeadsOptions) -> None:
        """Load the model, the text and the prompts; the embedded model is trained here, once, and cached.

        Raises:
            HeadsError: One of them cannot be used.
        """
        from ablations.heads.bench import prepare

        prepare(options, options.all_seeds[0], None)

    def plots(self, options: HeadsOptions) -> tuple[FigurePlot, ...]:
        """Return one of the general plots; its own are among the extras."""
        return (FigurePlot(figure="repetition", across="level", series="arm"),)

    def extras(self, options: HeadsOptions, results: Results, artifacts: Path) -> Extras:
        """Return the plots of this study, and what was done to the heads."""
        from ablations.heads.plots.drawing import draw_plots
        from ablations.heads.plots.rows import Row, Rows
        from ablations.heads.summary import summary_table

        rows = [Row(o.condition.factors, o.condition.seed, o.figures) for o in results.outcomes if o.figures]
        tables = (summary_table(Rows(rows)),)
        return Extras(tables, draw=lambda folder: draw_plots(rows, folder), sections=(_removal(options),))


def _removal(options: HeadsOptions) -> Section:
    done = (
        "Removed heads are cut out of the weights, so a removal can make the model faster."
        if options.structural
        else "Removed heads are masked at the input of the attention's output projection: they are still computed, so "
        "no speed is to be gained by this. --structural removes them for real."
    )
    return Section("How the heads were removed", (done,))
