"""The verb `ui`: MLflow's page of the runs, on this machine alone."""

from pathlib import Path
from typing import Annotated

import typer

from cli.console import say
from cli.errors import INTERRUPTED
from cli.option_types import RunsOption, TrackingUriOption
from cli.served import LOOPBACK, Service, Stopped, check_port, serving, wait
from tracking.errors import TrackingError
from tracking.mirror.mlflow_store import Store, connect, has_view
from tracking.mirror.saved_view import ADDRESS
from tracking.runs import RunDirs
from tracking.stores import destination_of_new
from tracking.tracker import read_state


def command(
    tracking_uri: TrackingUriOption = None,
    runs: RunsOption = Path("runs"),
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port on loopback.")] = 5000,
) -> None:
    """Show the runs on MLflow's page, until Ctrl-C; it listens on loopback only."""
    place = destination_of_new(tracking_uri, None, runs)
    if place.uri.startswith("http"):
        say(f"MLflow   {place.shown_uri}")
        say("A server shows its own page: open this address in a browser.")
        return
    check_port(LOOPBACK, port)
    store = connect(place.uri, create=False)
    service = Service(place.uri, port)
    try:
        with serving(service) as process:
            say(
                f"MLflow   {service.address}/{_view(store, runs, place.shown_uri)}  ({place.shown_uri}; Ctrl-C ends it)"
            )
            wait(process)
    except Stopped:
        raise typer.Exit(INTERRUPTED) from None


def _view(store: Store, runs: Path, shown_uri: str) -> str:
    """The runs of the experiment that the latest run is in, with their figures; the front page where there is none."""
    try:
        state = read_state(RunDirs(runs).resolve("latest").path)
    except TrackingError:
        return ""
    if state.tracking_uri != shown_uri or state.experiment_id is None:
        return ""
    return f"#/experiments/{state.experiment_id}/runs{ADDRESS if has_view(store, state.experiment_id) else ''}"
