"""The verb `sync`: bring MLflow up to a run's ledger."""

from pathlib import Path
from typing import Annotated

import typer

from cli.console import say
from cli.option_types import RunArgument, RunsOption, TrackingUriOption
from tracking.mirror.sync import sync
from tracking.runs import RunDirs, default_uri


def command(
    run: RunArgument = "latest",
    runs: RunsOption = Path("runs"),
    tracking_uri: TrackingUriOption = None,
    experiment: Annotated[str, typer.Option(help="MLflow experiment.")] = "espalier",
) -> None:
    """Write into MLflow what it does not hold yet; running it twice changes nothing."""
    folder = RunDirs(runs).resolve(run)
    state = sync(folder, tracking_uri or default_uri(runs), experiment)
    say(f"MLflow at {state.tracking_uri} holds {folder.run_id} up to its event {state.synced_seq} (run {state.run_id})")
