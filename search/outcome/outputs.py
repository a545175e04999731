"""What a run leaves for people: summary, plots, model card, report. All can be made from the ledger at any time."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from ground.files import is_draft
from pruning.card import CARD
from pruning.checkpoint import is_whole
from search.outcome.card import write_card
from search.outcome.plots import plot_stage_shares, plot_trade_off, plot_units
from search.outcome.report import write_report
from search.outcome.summary import MlflowIds, Summary, read_summary, summarise
from tracking.events import Event, payloads_of
from tracking.payloads import Exported, PlanReady
from tracking.runs import RunDir

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outputs:
    """What was written.

    Attributes:
        summary: of the run.
        failed: what could not be written, each by name and with the reason.
    """

    summary: Summary
    failed: tuple[str, ...]


def write_outputs(folder: RunDir, events: Sequence[Event], mlflow: MlflowIds | None) -> Outputs:
    """Write what the events allow: an interrupted run has a summary and a report of what is there.

    Each file appears whole or not at all. One that cannot be written costs none of the others. The summary comes last:
    once it is there, the others are as new.

    Args:
        folder: of the run.
        events: of its ledger.
        mlflow: where MLflow holds the run; None where it does not.
    """
    _sweep(folder)
    summary = summarise(events, mlflow)
    failed: list[str] = []
    for path, write in _writers(folder, events, summary):
        try:
            write()
        except Exception as error:  # noqa: BLE001  a plot that fails is told, and costs no report
            _log.warning("%s could not be written", path, exc_info=True)
            failed.append(f"{path.name}: {type(error).__name__}: {error}")
    return Outputs(summary, tuple(failed))


def lacking_outputs(folder: RunDir, events: Sequence[Event]) -> tuple[str, ...]:
    """Return the names of the outputs that are missing, or older than the events."""
    summary = summarise(events)
    paths = [path for path, _ in _writers(folder, events, summary)]
    lacking = [path.name for path in paths if not path.is_file() or path.stat().st_size == 0]
    if folder.summary.name not in lacking and _written(folder.summary) != _without_ids(summary):
        lacking.append(folder.summary.name)
    return tuple(lacking)


def has_model(folder: RunDir, events: Sequence[Event]) -> bool:
    """Whether the exported model is there and undamaged, or none was exported."""
    return not payloads_of(events, Exported) or is_whole(folder.model)


def _writers(folder: RunDir, events: Sequence[Event], summary: Summary) -> Iterator[tuple[Path, Callable[[], object]]]:
    """Yield each output with the function that writes it, in the order in which they are written."""
    plots = _plots(folder, events, summary)
    drawing: dict[str, Callable[[Path], None]] = {
        "trade-off": lambda path: plot_trade_off(events, summary, path),
        "units": lambda path: plot_units(events, path),
        "stages": lambda path: plot_stage_shares(summary, path),
    }
    for name, path in plots.items():
        yield path, partial(drawing[name], path)
    if payloads_of(events, Exported):
        yield folder.model / CARD, lambda: write_card(events, folder.model)
    yield folder.report, lambda: write_report(events, summary, folder.report)
    yield folder.summary, lambda: summary.write(folder.summary)


def _plots(folder: RunDir, events: Sequence[Event], summary: Summary) -> dict[str, Path]:
    """Return the plots that the events allow, as pictures for slides and MLflow; the report draws its own."""
    plots = {}
    if payloads_of(events, PlanReady):
        plots["trade-off"] = folder.plot
    if summary.explanation is not None:
        plots["units"] = folder.path / "allocation.png"
        if any(stage.shift is not None for stage in summary.explanation.stages):
            plots["stages"] = folder.path / "stages.png"
    return plots


def _sweep(folder: RunDir) -> None:
    """Remove drafts that a killed process left; nobody else writes here, for the ledger is locked."""
    for where in (folder.path, folder.model):
        for draft in where.glob(".*"):
            if is_draft(draft) and draft.is_file():
                draft.unlink(missing_ok=True)


def _written(path: Path) -> dict[str, object] | None:
    try:
        return _without_ids(read_summary(path))
    except (ValidationError, OSError, UnicodeDecodeError):
        return None


def _without_ids(summary: Summary) -> dict[str, object]:
    """A summary without what MLflow alone knows."""
    return summary.model_dump(mode="json", exclude={"mlflow"})
