"""The verb `ablate llm`: every arm with every seed on equal terms, then the tables, the plots and the page."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ablations.schedule import earlier_run, schedule
from cli.console import say
from cli.option_types import ConfigOption
from cli.options import options_of
from cli.placing import say_place
from ground.importing import without_collection
from search.errors import ConfigError
from search.setup.config import RunConfig, load_config, placed, with_destination
from tracking.kinds import RunStatus
from tracking.mirror.query import read_runs
from tracking.repair import repair
from tracking.stores import destination_of_new

if TYPE_CHECKING:
    from search.setup.preparation import Prepared

_SHARED = tuple(name for name in RunConfig.model_fields if name not in ("proposer", "llm"))


@options_of(RunConfig, *_SHARED)
def command(
    llms: Annotated[str, typer.Option(help="Models to compare, separated by commas.")],
    arms: Annotated[str, typer.Option(help="Classical arms beside them, by commas.")] = "isomorphic,knapsack,tpe",
    hybrid: Annotated[bool, typer.Option("--hybrid", help="Each model also with CMA-ES (the arm hybrid).")] = False,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each arm, from --seed on.")] = 5,
    out: Annotated[Path, typer.Option(help="Folder for page, plots and tables.")] = Path("ablation-llm"),
    config: ConfigOption = None,
    **given: Any,
) -> None:
    """Search with every model and arm at the same budget of trials and MACs, several times, and compare."""
    # The same command goes on where it was interrupted: finished runs are found and left as they are.
    with without_collection():
        from ablations.llm_selection import LlmSelection
        from ablations.study_files import write_study
        from cli.running import INTERRUPTED
        from cli.tables import show_study
        from search.execution.registry import executor_of

    named = load_config(config, given)
    shared = with_destination(placed(named))
    say_place(named.ray_address, shared.ray_address)
    runs = schedule(shared, _models(llms), _names(arms), seeds, hybrid=hybrid)
    if not shared.mlflow:
        raise ConfigError("--no-mlflow cannot be used here: the study reads its runs back from MLflow.")
    needs = _check(runs[: len(runs) // seeds]).needs
    executor = executor_of(shared, needs, shared.runs)
    with nullcontext() if all(map(_is_done, runs)) else executor.ready():
        run_ids = _run_all(runs)
    if run_ids is None:
        say("The study is not complete. Go on with the same command: finished runs are not run again.")
        raise typer.Exit(INTERRUPTED)
    study = LlmSelection()
    records = read_runs(destination_of_new(shared.tracking_uri, shared.experiment, shared.runs).uri, run_ids=run_ids)
    for answer in study.answers(records):
        say(answer)
    show_study(study.tables(records))
    say(f"page     {write_study(study, records, out)}")


def _check(arms: Sequence[RunConfig]) -> "Prepared":
    """Prepare every arm once: a missing key or a bad name is found now and not after hours."""
    from search.setup.preparation import prepare

    for config in arms:
        prepared = prepare(config)
        if prepared.client is not None:
            prepared.client.close()
    return prepared


def _run_all(runs: Sequence[RunConfig]) -> tuple[str, ...] | None:
    """The ids of all runs; None when the user interrupted one."""
    from cli.running import describe_arm, resume_run, start_run
    from search.setup.servers import servers

    run_ids = []
    for number, config in enumerate(runs, start=1):
        earlier = earlier_run(config)
        say("")
        say(f"[{number} of {len(runs)}] {describe_arm(config)}, seed {config.seed}", style="bold")
        if earlier is not None and earlier[1]:
            say(f"done before: {earlier[0].run_id}")
            run_ids.append(earlier[0].run_id)
            continue
        if earlier is None:
            outcome = start_run(config)
        else:
            repair(earlier[0].ledger)
            outcome = resume_run(earlier[0], trusted=(config.model, *servers(config)))
        if outcome.summary.status is RunStatus.INTERRUPTED:
            return None
        run_ids.append(outcome.folder.run_id)
    return tuple(run_ids)


def _is_done(config: RunConfig) -> bool:
    earlier = earlier_run(config)
    return earlier is not None and earlier[1]


def _models(text: str) -> tuple[str, ...]:
    names = _names(text)
    if not names:
        raise ConfigError("--llms is empty: name at least one model, as in --llms claude-sonnet-4-5,gpt-4.")
    return names


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
