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
from tracking.kinds import RunStatus
from tracking.reader import decode_lines, split_ledger
from tracking.study_payloads import StudyEnded

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
    from ablations.heads.study import HeadsStudy

    again = only_report or visualize_only
    run_study(
        HeadsStudy(),
        output_dir or _folder(again=again or retry_failed),
        given,
        config=config,
        only_report=again,
        retry_failed=retry_failed,
        as_json=as_json,
    )


def _folder(*, again: bool) -> Path:
    """The latest folder if it is to be reported again or has not come to its end; else a new one, linked as latest."""
    latest = ROOT / LATEST
    if latest.exists() and (again or not _is_over(latest.resolve())):
        return latest.resolve()
    folder = ROOT / f"run_{datetime.now(UTC):%Y%m%d_%H%M%S}"
    ROOT.mkdir(parents=True, exist_ok=True)
    draft = ROOT / f".{LATEST}-{os.getpid()}"
    draft.symlink_to(folder.name)
    draft.replace(latest)
    return folder


def _is_over(folder: Path) -> bool:
    """Whether the study in a folder has come to its end."""
    ledger = folder / "ledger.jsonl"
    if not ledger.exists():
        return False
    events = decode_lines(ledger, split_ledger(ledger)[0])
    match events[-1].payload if events else None:
        case StudyEnded(status=RunStatus.FINISHED):
            return True
        case _:
            return False
