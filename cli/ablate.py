"""The verb `ablate llm`: every arm with every seed on equal terms, then the tables, the plots and the page."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from ablations.llm_selection import LlmSelection
from ablations.schedule import earlier_run, schedule
from ablations.study_files import write_study
from cli.compare import show_tables
from cli.console import say
from cli.search import INTERRUPTED, arm_words, begun, resumed
from search.errors import ConfigError
from search.execution.registry import executor_of
from search.setup.config import RunConfig
from search.setup.preparation import Prepared, prepare
from tracking.kinds import RunStatus
from tracking.mirror.query import read_runs
from tracking.runs import default_uri


def run_llm_ablation(config: RunConfig, llms: str, arms: str, seeds: int, out: Path, *, hybrid: bool) -> int:
    """Run what is missing, then tell; returns the exit code. The same command again goes on where it was left.

    Raises:
        ConfigError, and whatever preparing an arm raises: every arm is checked before the first is run.
    """
    runs = schedule(config, _listed("--llms", llms), _names(arms), seeds, hybrid=hybrid)
    if not config.mlflow:
        raise ConfigError("--no-mlflow cannot be used here: the study reads its runs back from MLflow.")
    needs = _check(runs[: len(runs) // seeds]).needs
    executor = executor_of(config, needs, config.runs)
    with nullcontext() if all(map(_is_done, runs)) else executor.ready():
        done = _run_all(runs)
    if done is None:
        say("The study is not complete. Go on with the same command: runs that are there are not run again.")
        return INTERRUPTED
    study = LlmSelection()
    uri = config.tracking_uri or default_uri(config.runs)
    records = read_runs(uri, run_ids=done)
    show_tables(study.tables(records))
    say(f"page     {write_study(study, records, out)}")
    return 0


def _check(arms: Sequence[RunConfig]) -> Prepared:
    """Prepare every arm once: a missing key or a bad name is found now and not after hours."""
    for config in arms:
        prepared = prepare(config)
        if prepared.client is not None:
            prepared.client.close()
    return prepared


def _run_all(runs: Sequence[RunConfig]) -> tuple[str, ...] | None:
    """Ids of all runs; None when the user interrupted one."""
    done = []
    for number, config in enumerate(runs, start=1):
        earlier = earlier_run(config)
        say(f"\n[{number} of {len(runs)}] {arm_words(config)}, seed {config.seed}", style="bold")
        if earlier is not None and earlier[1]:
            say(f"done before: {earlier[0].run_id}")
            done.append(earlier[0].run_id)
            continue
        outcome = begun(config) if earlier is None else resumed(earlier[0])
        if outcome.summary.status is RunStatus.INTERRUPTED:
            return None
        done.append(outcome.folder.run_id)
    return tuple(done)


def _is_done(config: RunConfig) -> bool:
    earlier = earlier_run(config)
    return earlier is not None and earlier[1]


def _listed(option: str, text: str) -> tuple[str, ...]:
    names = _names(text)
    if not names:
        raise ConfigError(f"{option} is empty: name at least one model, as in {option} claude-sonnet-4-5,gpt-4.")
    return names


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
