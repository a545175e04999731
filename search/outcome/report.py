"""`report.html`: one self-contained page that says what was found, how, and what it is worth."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from ground.files import replaced
from search.outcome.formats import count_text, macs_text, points_text, share_text
from search.outcome.sentences import sentences
from search.outcome.summary import Summary
from tracking.events import Event, payloads_of
from tracking.payloads import (
    BaseReady,
    Decision,
    FinetuneEpoch,
    LlmCall,
    PlanReady,
    Proposed,
    RunStarted,
    TrialEnded,
    Winner,
)


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One line of the report's table of trials."""

    spec: Proposed
    end: TrialEnded | None
    is_winner: bool


def write_report(events: Sequence[Event], summary: Summary, plots: Mapping[str, Path], path: Path) -> None:
    """Render the page.

    Args:
        events: of the run.
        summary: of the run.
        plots: PNG files by the names that the template uses. They are embedded in the page.
        path: of the page.
    """
    page = report_template().render(
        summary=summary,
        started=payloads_of(events, RunStarted)[0],
        base=next((record for record in reversed(payloads_of(events, BaseReady))), None),
        plan=next(iter(payloads_of(events, PlanReady)), None),
        rows=trial_rows(events),
        decisions=payloads_of(events, Decision),
        epochs=payloads_of(events, FinetuneEpoch),
        calls=payloads_of(events, LlmCall),
        reasons=sentences(summary.explanation, summary.winner) if summary.explanation and summary.winner else [],
        plots={name: base64.b64encode(file.read_bytes()).decode() for name, file in plots.items()},
    )
    with replaced(path, durable=True) as draft:
        draft.write_text(page, encoding="utf-8")


@cache
def report_template() -> Template:
    """Return the template of the page, compiled once in a process."""
    environment = Environment(loader=PackageLoader("search.outcome"), autoescape=True, undefined=StrictUndefined)
    environment.filters.update(macs=macs_text, count=count_text, share=share_text, points=points_text)
    return environment.get_template("report.html.j2")


def trial_rows(events: Sequence[Event]) -> list[TrialRow]:
    """Return every proposed trial, best first, those without a score last."""
    ends = {record.trial: record for record in payloads_of(events, TrialEnded)}
    winner = next((record.trial for record in reversed(payloads_of(events, Winner))), None)
    rows = [TrialRow(spec, ends.get(spec.trial), spec.trial == winner) for spec in payloads_of(events, Proposed)]
    return sorted(rows, key=lambda row: (not row.is_winner, -_reached(row), -_accuracy(row), row.spec.trial))


def _reached(row: TrialRow) -> int:
    return row.end.rungs if row.end else -1


def _accuracy(row: TrialRow) -> float:
    return row.end.accuracy or 0.0 if row.end else -1.0
