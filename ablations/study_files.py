"""Writes a study over finished runs to a folder, by the floor of all studies."""

from collections.abc import Sequence
from pathlib import Path

from ablations.floor.report import Report
from ablations.floor.report_files import write_report
from ablations.plots import draw_plots
from ablations.ranking import compare
from ablations.run_study import RunStudy
from tracking.mirror.records import RunRecord

FOLDED = ("model", "dataset", "baseline_macs", "target_macs")
"""Columns that say the same in all rows where only one cell is compared."""


def report_of(study: RunStudy, runs: Sequence[RunRecord]) -> Report:
    """Return the report of a study.

    Raises:
        NothingToCompareError: None of the runs can be compared.
    """
    return Report(
        question=study.question,
        about=f"{len(runs)} runs. Each row lists the runs that its figures are computed from.",
        tables=study.tables(runs),
        answers=study.answers(runs),
        draw=lambda folder: draw_plots(compare(runs), folder),
        folded=FOLDED,
        made_with=tuple(dict.fromkeys(session for run in _by_start(runs) for session in run.made_with or ())),
    )


def _by_start(runs: Sequence[RunRecord]) -> list[RunRecord]:
    return sorted(runs, key=lambda run: (run.started_ms, run.run_id))


def write_study(study: RunStudy, runs: Sequence[RunRecord], folder: Path) -> Path:
    """Write all files of a study.

    Args:
        study: The study.
        runs: The runs that it is about.
        folder: Where the files are written; it is created if it does not exist.

    Returns:
        The path of the HTML page.

    Raises:
        NothingToCompareError: None of the runs can be compared.
        AblationError: The folder cannot be written.
    """
    return write_report(report_of(study, runs), folder)
