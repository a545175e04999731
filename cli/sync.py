"""The verb `sync`: bring MLflow up to a run's ledger."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated

import typer

from cli.console import say
from cli.errors import BAD_INPUT
from cli.option_types import RunArgument, RunsOption, TrustFactoryOption, TrustServerOption
from cli.pasted import sync_line
from pruning.errors import UntrustedFactoryError
from search.setup.factories import check_run_factory
from search.setup.servers import check_store
from tracking.events import Event, payloads_of
from tracking.making import Making
from tracking.mirror.sync import recorded_place, sync
from tracking.payloads import RunStarted
from tracking.reader import read_ledger
from tracking.runs import RunDir, RunDirs


def command(
    run: RunArgument = "latest",
    runs: RunsOption = Path("runs"),
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow's store; default: the run's own.")] = None,
    experiment: Annotated[str | None, typer.Option(help="MLflow experiment; default: the run's own.")] = None,
    trust_server: TrustServerOption = None,
    trust_factory: TrustFactoryOption = None,
) -> None:
    """Write into MLflow what it does not hold yet; running it twice changes nothing.

    A run knows its store and its experiment, from whatever folder this is called.
    """
    folder = RunDirs(runs).resolve(run)
    events = read_ledger(folder.ledger)
    if tracking_uri is None and events:
        check_store(folder, recorded_place(events).get("tracking_uri"), trust_server or ())
    state = sync(folder, tracking_uri, experiment, making=_making(folder, events, trust_factory or ()))
    say(
        f"MLflow at {state.tracking_uri} holds {folder.run_id} up to its event {state.synced_seq} "
        f"(run {state.run_id} in {state.experiment})"
    )
    if state.missing:
        say(f"MLflow does not hold all of this run ({state.reason}). Once it accepts this, catch up with:")
        say(f"  {sync_line(folder)}")
        raise typer.Exit(BAD_INPUT)


def _making(folder: RunDir, events: Sequence[Event], trusted: Collection[str]) -> Making | None:
    """What makes the models of a run; its ledger alone may not name the code that builds them. A study has none."""
    started = payloads_of(events, RunStarted)
    if not started:
        return None
    from search.outcome.mirrored import making

    model = started[0].model
    try:
        check_run_factory(folder, model, trusted)
    except UntrustedFactoryError as error:
        say(f"This run's model goes to MLflow only if you name its factory: add {error.given()}")
        return making(())
    return making((model,))
