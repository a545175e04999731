"""The verb `ablate resources`: a large language model once against smaller ones with branching."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ablations.floor.running.place import Place
from ablations.resources.options import ResourcesOptions
from cli.option_types import ConfigOption, JsonTablesOption
from cli.options import options_of
from cli.studying import OnlyReportOption, OutputOption, run_study

_RECORD = ("mlflow", "tracking_uri", "experiment")


@options_of(Place, *_RECORD)
@options_of(ResourcesOptions)
def command(
    output: OutputOption = Path("ablation-resources"),
    only_report: OnlyReportOption = False,
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Short for --calls-at-once and --judges together.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonTablesOption = False,
    **given: Any,
) -> None:
    """Ask a large model once and smaller ones with branching; judge every answer in the sandbox.

    Without models, a scripted pair answers: a rehearsal that needs no key, no model and no download. The same command
    goes on where it was interrupted; what was asked and judged is not asked or judged again.
    """
    from ablations.registry import measured

    shared = {} if workers is None else {"calls_at_once": str(workers), "judges": str(workers)}
    # Its arms are figures over calls that were made before: nothing is left for Ray to do.
    chosen = {"executor": "local", **shared, **{name: value for name, value in given.items() if value is not None}}
    run_study(measured("resources"), output, chosen, config=config, only_report=only_report, as_json=as_json)
