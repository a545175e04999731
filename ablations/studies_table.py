"""The table of the studies that MLflow holds, which `compare` shows beside the runs."""

from collections.abc import Sequence
from datetime import UTC, datetime

from ablations.floor.table import Column, Table
from tracking.mirror.records import StudyRecord


def studies_table(studies: Sequence[StudyRecord]) -> Table:
    """Make the table with one row per study, oldest first."""
    return Table(
        key="studies",
        title="Studies: conditions measured and failed; the tables of each are artifacts of its run",
        columns=(
            *(Column("study", "Study"), Column("question", "Question"), Column("status", "Status")),
            *(Column("measured", "Measured"), Column("failed", "Failed")),
            *(Column("started", "Started"), Column("run_id", "Run")),
        ),
        rows=tuple(
            (
                *(study.study, study.question, study.status.value if study.status else "not ended"),
                *(study.measured, study.failed),
                f"{datetime.fromtimestamp(study.started_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC",
                study.run_id,
            )
            for study in studies
        ),
    )
