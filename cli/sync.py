"""The verb `sync`: bring MLflow up to a run's ledger."""

from pathlib import Path
from typing import Annotated

import typer

from cli.console import say
from cli.errors import BAD_INPUT
from cli.option_types import RunArgument, RunsOption, TrustServerOption
from cli.pasted import sync_line
from search.setup.servers import check_store
from tracking.mirror.sync import recorded_place, sync
from tracking.reader import read_ledger
from tracking.runs import RunDirs


def command(
    run: RunArgument = "latest",
    runs: RunsOption = Path("runs"),
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow's store; default: the run's own.")] = None,
    experiment: Annotated[str | None, typer.Option(help="MLflow experiment; default: the run's own.")] = None,
    trust_server: TrustServerOption = None,
) -> None:
    """Write into MLflow what it does not hold yet; running it twice changes nothing.

    A run knows its store and its experiment, from whatever folder this is called.
    """
    folder = RunDirs(runs).resolve(run)
    if tracking_uri is None and (events := read_ledger(folder.ledger)):
        check_store(folder, recorded_place(events).get("tracking_uri"), trust_server or ())
    state = sync(folder, tracking_uri, experiment)
    say(
        f"MLflow at {state.tracking_uri} holds {folder.run_id} up to its event {state.synced_seq} "
        f"(run {state.run_id} in {state.experiment})"
    )
    if state.missing:
        say(f"MLflow does not hold all of this run ({state.reason}). Once it accepts this, catch up with:")
        say(f"  {sync_line(folder)}")
        raise typer.Exit(BAD_INPUT)
