"""What a run leaves for people: summary, plots, model card, report. All are made from the ledger, at any time."""

from collections.abc import Sequence

from search.card import write_card
from search.plots import plot_allocation, plot_trade_off
from search.report import write_report
from search.summary import MlflowIds, Summary, summarise
from tracking.events import Event
from tracking.payloads import Exported, PlanReady, Winner, payloads_of
from tracking.runs import RunDir


def write_outputs(folder: RunDir, events: Sequence[Event], mlflow: MlflowIds | None) -> Summary:
    """Write what the events allow: an interrupted run has a summary and a report of what is there."""
    summary = summarise(events, mlflow)
    summary.write(folder.summary)
    plots = []
    if payloads_of(events, PlanReady):
        plot_trade_off(events, summary, folder.plot)
        plots.append(("Accuracy against MACs", folder.plot))
    if payloads_of(events, Winner):
        allocation = folder.path / "allocation.png"
        plot_allocation(events, allocation)
        plots.append(("Units kept in each group, input to output", allocation))
    if payloads_of(events, Exported):
        write_card(events, folder.model)
    write_report(events, summary, plots, folder.report)
    return summary
