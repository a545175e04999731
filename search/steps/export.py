"""The step that exports the winner."""

import shutil

from pruning.checkpoint import load_pruned
from pruning.counter import count_macs
from search.steps.step import Step
from tracking.payloads import Exported, Winner
from tracking.phases import since_extension, since_winner


class ExportStep(Step):
    """Puts the fine-tuned model in its place, once its MACs have been counted again by the independent counter."""

    def is_done(self) -> bool:
        """Return whether the present winner was exported."""
        return self.context.find(Exported, since_winner) is not None

    def run(self) -> None:
        """Count, copy and record the model."""
        context = self.context
        winner = context.find(Winner, since_extension)
        assert winner is not None, "the search has named it"
        tuned = context.finetune / "model"
        counted = count_macs(load_pruned(tuned).module, context.prepared.spec.input_size)
        assert counted == winner.macs, f"{counted:,} MACs counted on the model, {winner.macs:,} by the plan"
        shutil.copytree(tuned, context.folder.model, dirs_exist_ok=True)
        context.ledger.record(Exported(path=str(context.folder.model), macs=counted, params=winner.params))
