"""The verb `ablate heads`: attention heads of a language model, removed with and without agency."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ablations.floor.running.place import Place
from ablations.heads.options import HeadsOptions
from cli.option_types import ConfigOption, JsonTablesOption
from cli.options import options_of
from cli.studying import OnlyReportOption, RetryOption, run_study
from ground.importing import without_collection
from tracking.reader import read_whole_lines

ROOT = Path("validation_results") / "pruning_agency"
LATEST = "latest"


@options_of(HeadsOptions)
@options_of(Place)
def command(
    output_dir: Annotated[
        Path | None,
        typer.Option(
            "--output-dir",
            "--output",
            help="Folder of the study: ledger, tables, plots and page. Default: the latest one under "
            "validation_results/pruning_agency if it has not come to its end, else a new one.",
        ),
    ] = None,
    only_report: OnlyReportOption = False,
    visualize_only: Annotated[bool, typer.Option("--visualize-only", help="Another word for --only-report.")] = False,
    retry_failed: RetryOption = False,
    config: ConfigOption = None,
    as_json: JsonTablesOption = False,
    **given: Any,
) -> None:
    """Remove attention heads by several criteria, with and without agency, and measure quality and speed.

    The same command goes on where it was interrupted.
    """
    with without_collection():
        from ablations.heads.study import HeadsStudy

    again = only_report or visualize_only
    folder = output_dir or _folder(again=again or retry_failed)
    try:
        run_study(
            HeadsStudy(),
            folder,
            given,
            config=config,
            only_report=again,
            retry_failed=retry_failed,
            as_json=as_json,
        )
    finally:
        _link(folder)


def _folder(*, again: bool) -> Path:
    """The newest study if it is to be reported again or has not come to its end, else a new folder."""
    from ablations.floor.running.opening import is_over

    begun = sorted(ROOT.glob("run_*/ledger.jsonl"))
    if begun and (again or not is_over(read_whole_lines(begun[-1]))):
        return begun[-1].parent
    return ROOT / (LATEST if again else f"run_{datetime.now(UTC):%Y%m%d_%H%M%S}")


def _link(folder: Path) -> None:
    """Let `latest` lead to a study, if it was begun."""
    if folder.parent == ROOT and folder.is_dir():
        draft = ROOT / f".{LATEST}-{os.getpid()}"
        draft.symlink_to(folder.name)
        draft.replace(ROOT / LATEST)
