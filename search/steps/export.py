"""The step that exports the winner."""

import logging
import shutil

from ground.files import folder_replaced
from pruning.checkpoint import is_whole, load_pruned
from pruning.counter import count_macs
from search.steps.step import Step
from tracking.payloads import Exported, Winner
from tracking.phases import since_extension, since_winner

_log = logging.getLogger(__name__)


class ExportStep(Step):
    """Puts the fine-tuned model in its place, once its MACs have been counted again by the independent counter.

    An exported model that is missing or damaged is copied again, without a new event.
    """

    def is_done(self) -> bool:
        """Return whether the present winner was exported, and is there."""
        return self._is_recorded() and is_whole(self.context.folder.model)

    def run(self) -> None:
        """Count, copy and record the model."""
        context = self.context
        winner = context.find(Winner, since_extension)
        assert winner is not None, "the search has named it"
        spec = context.prepared.spec
        counted = count_macs(load_pruned(context.tuned, trusted=(spec.name,)).module, spec.input_size)
        assert counted == winner.macs, f"{counted:,} MACs counted on the model, {winner.macs:,} by the plan"
        with folder_replaced(context.folder.model) as draft:
            shutil.copytree(context.tuned, draft, dirs_exist_ok=True)
        if self._is_recorded():
            _log.warning("the exported model %s was missing or damaged: it was copied again", context.folder.model)
        else:
            context.ledger.record(Exported(path=str(context.folder.model), macs=counted, params=winner.params))

    def _is_recorded(self) -> bool:
        return self.context.find(Exported, since_winner) is not None
