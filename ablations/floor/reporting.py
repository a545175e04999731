"""Makes the report of a study from its options, its results and what measured them, and from nothing else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ablations.floor.answers import answer_all
from ablations.floor.options import StudyOptions
from ablations.floor.plots import default_plots, draw_figure_plots
from ablations.floor.report import Report
from ablations.floor.results import Results
from ablations.floor.sentences import answer_sentences
from ablations.floor.study import Study
from ablations.floor.tables import answers_table, cells_table, conditions_table, estimates_table, failed_table
from ground.counting import counted
from tracking.made_with import provenance_lines
from tracking.provenance import Provenance

LONG = frozenset({"estimates", "conditions"})
"""Tables that are in files whole, on the page folded, and on no screen."""
_MOST_CELLS = 12
"""A grid of more cells than these is such a table too."""


def report_of(
    study: Study[Any], options: StudyOptions, results: Results, artifacts: Path, sessions: Sequence[Provenance] = ()
) -> Report:
    """Return the report.

    Args:
        study: The study.
        options: Its options.
        results: Of every condition of its grid.
        artifacts: The folder of the conditions' folders.
        sessions: What measured them ran with.
    """
    figures, questions = study.figures(options), study.questions(options)
    answers = answer_all(questions, results)
    extras = study.extras(options, results, artifacts)
    plots = study.plots(options) or default_plots(figures, results)

    def draw(folder: Path) -> tuple[tuple[str, Path], ...]:
        return (*draw_figure_plots(plots, figures, results, folder), *extras.draw(folder))

    return Report(
        question=study.question,
        about=about(results),
        tables=(
            *([answers_table(answers, figures)] if answers else []),
            cells_table(results, figures),
            *extras.tables,
            *([failed_table(results)] if results.failed else []),
            estimates_table(results, figures),
            conditions_table(results, figures),
        ),
        draw=draw,
        answers=(*answer_sentences(answers, figures), *extras.answers),
        sections=extras.sections,
        long_tables=LONG | extras.long_tables | ({"cells"} if len(list(results.cells())) > _MOST_CELLS else set()),
        made_with=tuple(tuple(provenance_lines(session)) for session in sessions),
    )


def about(results: Results) -> str:
    """Return in one line how many conditions were measured."""
    seeds = len({outcome.condition.seed for outcome in results.outcomes})
    parts = [
        f"{len(results.measured)} of {len(results.outcomes)} conditions measured, with {counted(seeds, 'seed')} each"
    ]
    parts += [f"{len(results.failed)} failed"] if results.failed else []
    parts += [f"{len(results.missing)} not measured yet"] if results.missing else []
    return "; ".join(parts) + "."
