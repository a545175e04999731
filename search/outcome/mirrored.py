"""What MLflow shows of a run and only this side can make: its description, and its checkpoints as programs."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from pruning.checkpoint import load_pruned
from pruning.program import Program, write_program
from search.outcome.formats import macs_text, share_text
from search.outcome.sentences import sentences
from search.outcome.summary import Summary, summarise
from tracking.events import Event
from tracking.making import Making


def making(trusted: Collection[str] = ()) -> Making:
    """Make what the mirror shows.

    Args:
        trusted: factories that a checkpoint may name as its model, because the user named them.
    """

    def program(checkpoint: Path, path: Path) -> Program:
        return write_program(load_pruned(checkpoint, trusted=tuple(trusted)), path)

    return Making(program, description)


def description(events: Sequence[Event]) -> str:
    """What came of a run, as Markdown: the result in one sentence, why it won, and what to know before using it."""
    summary = summarise(events)
    return "\n\n".join(_paragraphs(summary))


def _paragraphs(summary: Summary) -> Iterator[str]:
    winner = summary.winner
    if summary.error is not None:
        yield f"The run failed: {summary.error}"
    if winner is None:
        return
    yield f"**{_result(summary)}**"
    if summary.explanation is not None:
        yield " ".join(sentences(summary.explanation, winner))
    for warning in summary.warnings:
        yield f"Warning: {warning}"


def _result(summary: Summary) -> str:
    """Accuracy, MACs, base, data, arm and cost, in this order."""
    winner, base = summary.winner, summary.baseline
    assert winner is not None, "checked by the caller"
    score = f"{share_text(winner.proxy_accuracy)} of the holdout, before the fine-tune,"
    if winner.accuracy is not None:
        score = f"{share_text(winner.accuracy)} of the test set"
    beside = ""
    if base is not None:
        own = "" if base.accuracy is None else f", which scores {share_text(base.accuracy)}"
        beside = f" ({share_text(winner.macs / base.macs)} of the base's {macs_text(base.macs)}{own})"
    who = "the uniform start that all arms share" if winner.proposer == "start" else f"proposed by {winner.proposer}"
    # An arm that asks is called `llm:MODEL`, and its model is not told twice.
    model = [] if summary.llm is None or winner.proposer.endswith(summary.llm) else [summary.llm]
    use = summary.llm_use
    cost = [] if use is None or use.cost_usd is None else [f"${use.cost_usd:.4f}"]
    asked = f" ({', '.join([*model, *cost])})" if model or cost else ""
    return f"{score} at {macs_text(winner.macs)}{beside}: {summary.model} on {summary.dataset}, {who}{asked}."
