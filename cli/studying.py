"""Runs a study on the screen: what the verbs of all studies that measure conditions have in common."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ablations.floor.options import StudyOptions, make_options
from ablations.floor.running.place import Place
from cli.console import say, say_document
from cli.pasted import sync_study_line
from cli.placing import say_place
from search.setup.address import ray_address
from search.setup.config import ExecutorName
from search.setup.fields import read_fields
from tracking.events import Event
from tracking.kinds import RunStatus
from tracking.study_payloads import ConditionBegun, ConditionFailed, ConditionMeasured

if TYPE_CHECKING:
    from ablations.floor.running.run import StudyOutcome
    from ablations.floor.study import Study

INTERRUPTED = 130

OutputOption = Annotated[Path, typer.Option(help="Folder of the study: ledger, tables, plots and page.")]
OnlyReportOption = Annotated[
    bool, typer.Option("--only-report", help="Measure nothing: make tables, plots and page again from the ledger.")
]
RetryOption = Annotated[
    bool, typer.Option("--retry-failed", help="Measure conditions again that failed before; others are kept.")
]


def run_study(
    study: "Study[Any]",
    output: Path,
    given: Mapping[str, Any],
    *,
    config: Path | None = None,
    only_report: bool = False,
    retry_failed: bool = False,
    as_json: bool = False,
) -> None:
    """Run a study, or go on with it, or make its report again, and show what came of it.

    Args:
        study: The study.
        output: Its folder.
        given: The options of the command line, of the study and of `Place` together; None where one was not given.
        config: A YAML file with the same fields; the command line wins.
        only_report: Whether nothing is measured.
        retry_failed: Whether what failed is measured again.
        as_json: Whether one JSON object is shown in place of tables.
    """
    from ablations.floor.running.folder import StudyFolder
    from ablations.floor.running.opening import Request
    from ablations.floor.running.run import StudyRun, report_again

    if only_report:
        _show(report_again(study, output), as_json=as_json)
        return
    options, place = _options(study.options, {**(read_fields(config) if config else {}), **_named(given)})
    if place.executor is ExecutorName.RAY:
        say_place(place.ray_address, ray_address(place.ray_address))
    run = StudyRun(Request(study, options, StudyFolder(output.absolute()), place, retry_failed))
    conditions = len(study.conditions(options))
    if not as_json:
        say(f"study    {study.name}: {conditions} conditions, in {output}")
    progress = _Progress(conditions, quiet=as_json)
    outcome = run.execute(progress.hear, (lambda _: None) if as_json else say)
    if outcome.status is RunStatus.INTERRUPTED:
        say(f"Interrupted: {len(outcome.results.measured)} of {len(outcome.results.outcomes)} conditions are measured.")
        say("Go on with the same command: what is measured is not measured again.")
        raise typer.Exit(INTERRUPTED)
    _show(outcome, as_json=as_json)


def _named(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _options(model: type[StudyOptions], given: Mapping[str, Any]) -> tuple[StudyOptions, Place]:
    """Divide what was given among the options of the study and of its place."""
    of_place = {name: value for name, value in given.items() if name in Place.model_fields}
    rest = {name: value for name, value in given.items() if name not in of_place}
    return make_options(model, rest), make_options(Place, of_place)


def _show(outcome: "StudyOutcome", *, as_json: bool) -> None:
    from ablations.floor.export import to_json
    from cli.tables import show_whole

    if as_json:
        say_document(to_json(outcome.report.tables))
        return
    for table in outcome.report.short_tables:
        say("")
        show_whole(table)
    say("")
    for answer in outcome.report.answers:
        say(answer)
    if outcome.results.failed:
        failed = len(outcome.results.failed)
        say(f"{failed} conditions failed and count nowhere; --retry-failed measures them again")
    if outcome.results.missing:
        say(f"{len(outcome.results.missing)} conditions are not measured yet; without --only-report it goes on")
    say(f"page     {outcome.page}")
    if not outcome.in_sync:
        say(f"MLflow does not hold all of this study ({outcome.sync_reason}). Catch up with:")
        say(f"  {sync_study_line(outcome.page.parent)}")


class _Progress:
    """Says a line for each condition that ends."""

    def __init__(self, conditions: int, *, quiet: bool) -> None:
        self._conditions, self._quiet = conditions, quiet
        self._shown: dict[str, str] = {}

    def hear(self, event: Event) -> None:
        """Hear of an event of the study."""
        match event.payload:
            case ConditionBegun(condition=key, number=number, factors=factors, seed=seed):
                levels = " ".join([*(f"{name}={level}" for name, level in factors.items()), f"seed={seed}"])
                self._shown[key] = f"[{number + 1} of {self._conditions}] {levels}"
            case ConditionMeasured(condition=key, wall_s=wall_s, figures=figures):
                said = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
                self._say(key, f"{said} ({wall_s:.1f} s)")
            case ConditionFailed(condition=key, error=error):
                self._say(key, f"failed: {error}")

    def _say(self, key: str, what: str) -> None:
        if not self._quiet:
            say(f"{self._shown.get(key, key)}: {what}")
