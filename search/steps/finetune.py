"""The step that fine-tunes the winner."""

import logging
from pathlib import Path

from pruning.checkpoint import is_whole
from search.steps.step import RunContext, Step
from search.steps.teacher import teacher_of
from search.steps.winner import restore_winner
from tracking.events import payloads_of
from tracking.payloads import Exported, Finalists, FinetuneEnded, FinetuneEpoch, FinetuneStarted
from tracking.phases import since_extension, since_winner
from trainers.history import EpochReport
from trainers.job import FinetuneJob
from trainers.recipe import Recipe

_log = logging.getLogger(__name__)


class FinetuneStep(Step):
    """Trains the winner to the end of its recipe, from the state that an interrupted part left.

    A model that the ledger claims and that is missing or damaged is made again the same way, without new events.
    """

    needs_executor = True

    def is_done(self) -> bool:
        """Return whether the present winner's fine-tune has ended, and what it made is there or was exported."""
        context = self.context
        if not self._has_ended():
            return False
        exported = context.find(Exported, since_winner) is not None and is_whole(context.folder.model)
        return exported or is_whole(context.tuned)

    def run(self) -> None:
        """Train, and record each epoch that is not in the ledger yet."""
        context = self.context
        ledger = context.ledger
        has_ended = self._has_ended()
        restore_winner(context)
        if has_ended:
            _log.warning("the fine-tuned model %s is missing or damaged: making it again", context.tuned)
        else:
            workers, recipe = context.executor.finetune_workers(), self._recipe().model_dump(mode="json")
            most = None if workers.is_fixed else workers.most
            ledger.record(FinetuneStarted(workers=workers.least, most_workers=most, recipe=recipe))
        recorded = {record.epoch for record in payloads_of(since_winner(ledger.events), FinetuneEpoch)}

        def on_epoch(report: EpochReport) -> None:
            if report.epoch not in recorded:
                context.interrupts.check()
                ledger.record(_record_of(report))

        result = context.executor.finetune(self._job(), on_epoch, context.finetune_progress)
        if has_ended:
            return
        ledger.record(
            FinetuneEnded(
                wall_s=result.wall_s,
                epochs=len(result.history),
                holdout_accuracy=result.history[-1].holdout_accuracy,
                checkpoint=str(result.checkpoint_dir),
                trained_holdout_accuracy=result.history[-1].trained_holdout_accuracy,
            )
        )

    def _has_ended(self) -> bool:
        return self.context.find(FinetuneEnded, since_winner) is not None

    def _recipe(self) -> Recipe:
        """The recipe by which the present winner's fine-tune began, if it has, whatever the defaults are by now."""
        # As a finalist it has begun already.
        begun = self.context.find(FinetuneStarted, since_winner) or self.context.find(Finalists, since_extension)
        return self.context.prepared.recipe if begun is None else Recipe.parse(dict(begun.recipe))

    def _job(self) -> FinetuneJob:
        return job_of(self.context, self.context.pruned, self._recipe(), self.context.finetune)


def job_of(
    context: RunContext, checkpoint: Path, recipe: Recipe, out: Path, stop_after: int | None = None
) -> FinetuneJob:
    """The training of a checkpoint of a run; see `FinetuneJob`."""
    config = context.prepared.config
    return FinetuneJob(
        checkpoint_dir=checkpoint.absolute(),
        dataset=config.dataset,
        data_path=config.data_path.absolute() if config.data_path else None,
        recipe=recipe,
        seed=config.seed,
        out_dir=out.absolute(),
        teacher_dir=teacher_of(context, recipe),
        trusted=(config.model,),
        stop_after=stop_after,
    )


def _record_of(report: EpochReport) -> FinetuneEpoch:
    return FinetuneEpoch(
        epoch=report.epoch,
        train_loss=report.train_loss,
        holdout_accuracy=report.holdout_accuracy,
        lr=report.lr,
        wall_s=report.wall_s,
        holdout_loss=report.holdout_loss,
        images_per_s=report.images_per_s,
        trained_holdout_accuracy=report.trained_holdout_accuracy,
    )
