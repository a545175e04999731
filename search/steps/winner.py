"""The winner's checkpoint before its fine-tune: saved when it is named, and cut again where it has been lost."""

import logging

from pruning.checkpoint import is_whole, read_architecture, save_pruned
from search.setup.search_ground import SearchGround, make_ground
from search.steps.step import RunContext
from tracking.payloads import Winner
from tracking.phases import since_extension

_log = logging.getLogger(__name__)


def save_winner(context: RunContext, ground: SearchGround, importance: str, allocation: tuple[int, ...]) -> None:
    """Cut the base as the winner's trial did, and save it.

    Args:
        context: of the run.
        ground: of its search.
        importance: the criterion of the winner's strategy.
        allocation: the units that each group keeps.
    """
    module, selection = ground.cut(importance, allocation)
    save_pruned(
        module,
        context.prepared.plan,
        selection,
        context.pruned,
        recipe={"run": context.folder.run_id},
        preprocessing=context.splits.info.preprocessing,
    )


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
    save_winner(context, ground, winner.strategy.importance, winner.allocation)
