"""The winner's model card, made from the ledger."""

from collections.abc import Sequence
from pathlib import Path

from ground.files import replaced
from pruning.card import CARD, Measured, model_card
from pruning.checkpoint import read_architecture
from search.outcome.formats import used_fields
from tracking.events import Event, payloads_of
from tracking.kinds import Subject
from tracking.made_with import provenance_lines, sessions_of
from tracking.payloads import Evaluated, FinetuneStarted, Proposed, RunStarted, Winner
from tracking.phases import since_winner


def write_card(events: Sequence[Event], folder: Path) -> Path:
    """Write the card of an exported model beside it.

    Args:
        events: of the run.
        folder: of the exported model.

    Raises:
        CheckpointError: there is no checkpoint, or it was changed.
    """
    started = payloads_of(events, RunStarted)[0]
    winner = payloads_of(events, Winner)[-1]
    proposed = next(record for record in payloads_of(events, Proposed) if record.trial == winner.trial)
    readings = {record.subject: record for record in payloads_of(events, Evaluated)}
    begun = payloads_of(since_winner(events), FinetuneStarted)
    base, tuned = readings.get(Subject.BASE), readings.get(Subject.WINNER)
    measured = Measured(
        dataset=started.dataset,
        accuracy=tuned.accuracy if tuned else None,
        base_accuracy=base.accuracy if base else None,
        latency_ms=tuned.latency_ms.median if tuned and tuned.latency_ms else None,
        base_latency_ms=base.latency_ms.median if base and base.latency_ms else None,
        latency_setting="median, batch 1, on the machine of the run",
        proposer=f"{proposed.proposer} (run {started.run_id}, trial {winner.trial}, seed {started.seed})",
        strategy={
            "importance": winner.strategy.importance,
            "ranking": winner.strategy.ranking,
            "round_to": winner.strategy.round_to,
            "keep ratio of each set, before projection": ", ".join(f"{ratio:.3f}" for ratio in winner.strategy.ratios),
            "rationale": proposed.rationale,
        },
        weights_bytes=tuned.weights_bytes if tuned else None,
        base_weights_bytes=base.weights_bytes if base else None,
        recipe=used_fields(begun[-1].recipe) if begun else {},
        made_with=[line for session in sessions_of(events) for line in provenance_lines(session)],
    )
    card = folder / CARD
    text = model_card(read_architecture(folder), measured)
    with replaced(card, durable=True) as draft:
        draft.write_text(text, encoding="utf-8")
    return card
