"""What a run leaves for people: summary, plots, model card, report. All can be made from the ledger at any time."""

from collections.abc import Sequence

from search.outcome.card import write_card
from search.outcome.plots import plot_stage_shares, plot_trade_off, plot_units
from search.outcome.report import write_report
from search.outcome.summary import MlflowIds, Summary, summarise
from tracking.events import Event, payloads_of
from tracking.payloads import Exported, PlanReady
from tracking.runs import RunDir


def write_outputs(folder: RunDir, events: Sequence[Event], mlflow: MlflowIds | None) -> Summary:
    """Write what the events allow: an interrupted run has a summary and a report of what is there.

    Args:
        folder: of the run.
        events: of its ledger.
        mlflow: where MLflow holds the run; None where it does not.
    """
    summary = summarise(events, mlflow)
    summary.write(folder.summary)
    plots = {}
    if payloads_of(events, PlanReady):
        plot_trade_off(events, summary, folder.plot)
        plots["trade-off"] = folder.plot
    if summary.explanation is not None:
        plots["units"] = folder.path / "allocation.png"
        plot_units(events, plots["units"])
        if any(stage.shift is not None for stage in summary.explanation.stages):
            plots["stages"] = folder.path / "stages.png"
            plot_stage_shares(summary, plots["stages"])
    if payloads_of(events, Exported):
        write_card(events, folder.model)
    write_report(events, summary, plots, folder.report)
    return summary
