"""The winner's checkpoint before its fine-tune: saved when it is named, and cut again where it has been lost."""

import logging
import shutil
from pathlib import Path

from pruning.checkpoint import is_whole, read_architecture, save_pruned
from search.setup.search_ground import SearchGround, make_ground
from search.steps.step import RunContext
from tracking.events import payloads_of
from tracking.payloads import Proposed, TrialEnded, Winner
from tracking.phases import since_extension

_log = logging.getLogger(__name__)


def name_winner(context: RunContext, trial: int, ground: SearchGround | None) -> None:
    """Cut the winner as its trial did, and name it once its checkpoint is there.

    Args:
        context: of the run.
        trial: its number; it was completed.
        ground: of its search; None where the winner is cut when it is needed.
    """
    forget_former(context, trial)
    events = context.ledger.events
    spec = next(record for record in payloads_of(events, Proposed) if record.trial == trial)
    accuracy = next(end.accuracy for end in reversed(payloads_of(events, TrialEnded)) if end.trial == trial)
    assert accuracy is not None, "a completed trial has a score"
    if ground is not None:
        save_cut(context, ground, trial, context.pruned)
    context.ledger.record(
        Winner(
            trial=trial,
            strategy=spec.strategy,
            allocation=spec.allocation,
            macs=spec.macs,
            params=spec.params,
            proxy_accuracy=accuracy,
            holdout_images=None if ground is None else len(ground.data.holdout_labels),
        )
    )


def forget_former(context: RunContext, trial: int) -> None:
    """Remove what a former winner's fine-tune left: it would be taken for that of this trial."""
    former = context.find(Winner)
    if former is not None and former.trial != trial:
        shutil.rmtree(context.finetune, ignore_errors=True)


def save_cut(context: RunContext, ground: SearchGround, trial: int, folder: Path) -> None:
    """Cut the base as a trial did, and save it.

    Args:
        context: of the run.
        ground: of its search.
        trial: the number of the trial.
        folder: where it is saved.
    """
    spec = next(record for record in payloads_of(context.ledger.events, Proposed) if record.trial == trial)
    _save(context, ground, spec.strategy.importance, spec.allocation, folder)


def restore_winner(context: RunContext) -> None:
    """Cut the winner again unless its checkpoint is there, whole, and the one that the ledger names.

    A ledger can be ahead of the files: they were lost with the power, or somebody deleted them. Base, scores and
    allocation give the same checkpoint again.
    """
    winner = context.find(Winner, since_extension)
    assert winner is not None, "the search has named it"
    if is_whole(context.pruned) and tuple(read_architecture(context.pruned).allocation) == winner.allocation:
        return
    _log.warning("the winner's checkpoint %s is missing or damaged: cutting it again", context.pruned)
    ground = make_ground(context.prepared, context.splits, context.base, context.executor.compute)
    _save(context, ground, winner.strategy.importance, winner.allocation, context.pruned)


def _save(
    context: RunContext, ground: SearchGround, importance: str, allocation: tuple[int, ...], folder: Path
) -> None:
    module, selection = ground.cut(importance, allocation)
    save_pruned(
        module,
        context.prepared.plan,
        selection,
        folder,
        recipe={"run": context.folder.run_id},
        preprocessing=context.splits.info.preprocessing,
    )
