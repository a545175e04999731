"""The verb `resume`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.console import say
from cli.option_types import RunArgument, RunsOption, TrustFactoryOption, TrustServerOption
from cli.options import options_of
from ground.importing import without_collection
from search.setup.config import RunConfig
from search.setup.scope import Scope, names_where
from tracking.repair import repair as repair_ledger
from tracking.runs import RunDirs


@options_of(RunConfig, *names_where(RunConfig, lambda scope: scope is Scope.PLACE))
def command(
    run: RunArgument = "latest",
    runs: RunsOption = Path("runs"),
    repair: Annotated[bool, typer.Option("--repair", help="Cut a half-written last line off the ledger.")] = False,
    add_trials: Annotated[int, typer.Option(min=0, metavar="N", help="Extend the search, finished or not.")] = 0,
    outputs: Annotated[
        bool, typer.Option("--outputs", help="Only make summary, plots, card and report again; nothing is run.")
    ] = False,
    trust_factory: TrustFactoryOption = None,
    trust_server: TrustServerOption = None,
    **elsewhere: Any,
) -> None:
    """Go on where a run was interrupted, or beyond its end: nothing that its ledger holds is done or paid for again.

    Of a finished run, the outputs that are missing are made again.
    """
    folder = RunDirs(runs).resolve(run)
    if repair:
        mended = repair_ledger(folder.ledger)
        kept = f"; a copy of what was cut is {mended.copy}" if mended.copy else ""
        say(f"{folder.ledger}: {mended.cut} bytes of a half-written line were cut{kept}")
    with without_collection():
        from cli.running import exit_code, remake, resume_run

    again = None if add_trials else remake(folder, asked=outputs)
    if again is not None:
        raise typer.Exit(exit_code(again))
    trusted = (*(trust_factory or ()), *(trust_server or ()))
    raise typer.Exit(exit_code(resume_run(folder, add_trials=add_trials, elsewhere=elsewhere, trusted=trusted)))
