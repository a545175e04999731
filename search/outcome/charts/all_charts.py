"""All charts of a run's report, by the names that its template uses."""

from collections.abc import Iterator, Sequence

from search.outcome.charts.bars import Pair, paired_bars
from search.outcome.charts.curves import accuracy_curve, loss_curve, rate_curve
from search.outcome.charts.history import history
from search.outcome.charts.importance import importance
from search.outcome.charts.parallel import parallel
from search.outcome.charts.rungs import rungs
from search.outcome.charts.trade_off import trade_off
from search.outcome.charts.trials import drawn_trials
from search.outcome.formats import macs_text
from search.outcome.summary import Summary
from tracking.events import Event, payloads_of
from tracking.payloads import BaseReady, FinetuneEpoch, PlanReady, Proposed, Winner
from tracking.phases import since_winner

SHOWN_SHARE = 0.001
"""Stages that spend less of the budget are not drawn."""


def charts_of(events: Sequence[Event], summary: Summary) -> dict[str, str]:
    """Draw what the events allow; a chart without data is left out."""
    return {name: chart for name, chart in _drawn(events, summary) if chart is not None}


def _drawn(events: Sequence[Event], summary: Summary) -> Iterator[tuple[str, str | None]]:
    trials = drawn_trials(events)
    yield "trade-off", trade_off(summary, trials)
    yield "history", history(trials)
    yield "rungs", rungs(trials)
    plans = payloads_of(events, PlanReady)
    if plans:
        yield "importance", importance(plans[-1], trials)
        yield "parallel", parallel(plans[-1], trials)
    if summary.explanation is not None and summary.winner is not None:
        yield "stages", _stages(summary)
        yield "units", _units(events, summary, plans[-1])
    epochs = payloads_of(since_winner(events), FinetuneEpoch)
    if epochs:
        base, winner = payloads_of(events, BaseReady), payloads_of(events, Winner)
        proxy = winner[-1].proxy_accuracy if winner else None
        yield "accuracy-curve", accuracy_curve(epochs, base[-1].holdout_accuracy if base else None, proxy)
        yield "loss-curve", loss_curve(epochs)
        yield "rate-curve", rate_curve(epochs)


def _names(summary: Summary) -> tuple[str, str | None]:
    assert summary.winner is not None, "only a winner is compared with the start"
    assert summary.explanation is not None
    trial, start = summary.winner.trial, summary.explanation.start_trial
    return (f"winner (trial {trial})", f"uniform start (trial {start})") if trial != start else ("uniform start", None)


def _stages(summary: Summary) -> str | None:
    why, budget = summary.explanation, summary.target_macs
    assert why is not None, "the caller has looked"
    if not budget or any(stage.shift is None for stage in why.stages):
        return None
    pairs = [
        Pair(
            stage.stage,
            (stage.macs or 0) / budget,
            (stage.macs_of_start or 0) / budget,
            f"{stage.stage}: {macs_text(stage.macs or 0)}, the uniform start {macs_text(stage.macs_of_start or 0)}",
        )
        for stage in why.stages
        if max(stage.macs or 0, stage.macs_of_start or 0) >= SHOWN_SHARE * budget
    ]
    return paired_bars("share of the budget by stage", pairs, names=_names(summary), change=True)


def _units(events: Sequence[Event], summary: Summary, plan: PlanReady) -> str | None:
    winner = payloads_of(events, Winner)[-1]
    start = next(spec for spec in payloads_of(events, Proposed) if spec.trial == _start_of(summary))
    pairs = [
        Pair(
            group.name,
            own / group.units,
            theirs / group.units,
            f"{group.name}: {own} of {group.units} units, the uniform start {theirs}",
        )
        for group, own, theirs in zip(plan.groups, winner.allocation, start.allocation, strict=True)
    ]
    return paired_bars("units kept in each group", pairs, names=_names(summary), change=False)


def _start_of(summary: Summary) -> int:
    assert summary.explanation is not None, "the caller has looked"
    return summary.explanation.start_trial
