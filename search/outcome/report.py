"""`report.html`: one self-contained page that says what was found, how, and what it is worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from ground.files import replaced
from search.outcome.charts.all_charts import charts_of
from search.outcome.charts.curves import is_trained_on
from search.outcome.charts.sets import telling_rung
from search.outcome.charts.trials import drawn_trials
from search.outcome.decisions import describe
from search.outcome.formats import bytes_text, count_text, macs_text, ms_text, points_text, share_text, used_fields
from search.outcome.sentences import sentences
from search.outcome.summary import Summary
from tracking.events import Event, payloads_of
from tracking.made_with import provenance_lines
from tracking.payloads import (
    BaseReady,
    Decision,
    FinalistEnded,
    FinetuneEpoch,
    LlmCall,
    PlanReady,
    Proposed,
    RunStarted,
    TrialEnded,
    Winner,
)

SHOWN = 20
"""Trials that the page lists before the reader asks for the others."""


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One line of the report's table of trials.

    Attributes:
        final: its score as a finalist; None for a trial that was none.
    """

    spec: Proposed
    end: TrialEnded | None
    is_winner: bool
    final: FinalistEnded | None = None

    @property
    def state(self) -> str:
        """How it ended, and what it scored as a finalist."""
        if self.end is None:
            return "unfinished"
        ended = self.end.state.value.replace("_", " ")
        if self.final is None:
            return ended
        epochs = f"{self.final.epochs} epoch{'s' * (self.final.epochs > 1)}"
        return f"{ended}, finalist: {share_text(self.final.holdout_accuracy)} after {epochs}"


def write_report(events: Sequence[Event], summary: Summary, path: Path) -> None:
    """Render the page, which needs no other file.

    Args:
        events: of the run.
        summary: of the run.
        path: of the page.
    """
    plan = next(iter(payloads_of(events, PlanReady)), None)
    trials, epochs = drawn_trials(events), payloads_of(events, FinetuneEpoch)
    page = report_template().render(
        summary=summary,
        started=payloads_of(events, RunStarted)[0],
        obtained=next((record for record in reversed(payloads_of(events, BaseReady))), None),
        plan=plan,
        rows=trial_rows(events),
        shown=SHOWN,
        decisions=[describe(decision) for decision in payloads_of(events, Decision)],
        epochs=epochs,
        trained_on=is_trained_on(epochs),
        calls=payloads_of(events, LlmCall),
        reasons=sentences(summary.explanation, summary.winner) if summary.explanation and summary.winner else [],
        charts=charts_of(events, summary),
        rung=telling_rung(trials),
        recipe=used_fields(summary.recipe or {}),
        sessions=[provenance_lines(session) for session in summary.provenance],
        latency=latency_gain(summary),
        gain=accuracy_gain(summary),
        macs=macs_text,
        share=share_text,
        ms=ms_text,
        size=bytes_text,
        count=count_text,
    )
    with replaced(path, durable=True) as draft:
        draft.write_text(page, encoding="utf-8")


@cache
def report_template() -> Template:
    """Return the template of the page, compiled once in a process."""
    environment = Environment(loader=PackageLoader("search.outcome"), autoescape=True, undefined=StrictUndefined)
    environment.filters.update(macs=macs_text, count=count_text, share=share_text, points=points_text)
    return environment.get_template("report.html.j2")


def latency_gain(summary: Summary) -> str:
    """Return how much faster the winner is than the base, in words; empty where one of them was not measured."""
    base, winner = summary.baseline, summary.winner
    if base is None or winner is None or not base.latency_ms or not winner.latency_ms:
        return ""
    ratio = base.latency_ms / winner.latency_ms
    return f"{ratio:.2f} times as fast" if ratio >= 1 else f"{1 / ratio:.2f} times as slow"


def accuracy_gain(summary: Summary) -> str:
    """Return the change of the accuracy in points; a dash where one of them was not measured."""
    base, winner = summary.baseline, summary.winner
    if base is None or winner is None or base.accuracy is None or winner.accuracy is None:
        return "–"
    return f"{points_text(winner.accuracy - base.accuracy)} points"


def trial_rows(events: Sequence[Event]) -> list[TrialRow]:
    """Return every proposed trial, best first, those without a score last."""
    ends = {record.trial: record for record in payloads_of(events, TrialEnded)}
    winner = next((record.trial for record in reversed(payloads_of(events, Winner))), None)
    finals = {record.trial: record for record in payloads_of(events, FinalistEnded)}
    rows = [
        TrialRow(spec, ends.get(spec.trial), spec.trial == winner, finals.get(spec.trial))
        for spec in payloads_of(events, Proposed)
    ]
    return sorted(rows, key=lambda row: (not row.is_winner, -_reached(row), -_accuracy(row), row.spec.trial))


def _reached(row: TrialRow) -> int:
    return row.end.rungs if row.end else -1


def _accuracy(row: TrialRow) -> float:
    return row.end.accuracy or 0.0 if row.end else -1.0
