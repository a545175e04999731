"""The step that fine-tunes the winner."""

from search.steps.step import Step
from tracking.events import payloads_of
from tracking.payloads import FinetuneEnded, FinetuneEpoch, FinetuneStarted
from tracking.phases import since_winner
from trainers.history import EpochReport
from trainers.job import FinetuneJob


class FinetuneStep(Step):
    """Trains the winner to the end of its recipe, from the state that an interrupted part left."""

    needs_executor = True

    def is_done(self) -> bool:
        """Return whether the present winner's fine-tune has ended."""
        return self.context.find(FinetuneEnded, since_winner) is not None

    def run(self) -> None:
        """Train, and record each epoch that is not in the ledger yet."""
        context = self.context
        prepared, ledger = context.prepared, context.ledger
        ledger.record(
            FinetuneStarted(workers=prepared.needs.finetune_workers, recipe=prepared.recipe.model_dump(mode="json"))
        )
        recorded = {record.epoch for record in payloads_of(since_winner(ledger.events), FinetuneEpoch)}

        def on_epoch(report: EpochReport) -> None:
            if report.epoch not in recorded:
                context.interrupts.check()
                ledger.record(_record_of(report))

        result = context.executor.finetune(self._job(), on_epoch)
        ledger.record(
            FinetuneEnded(
                wall_s=result.wall_s,
                epochs=len(result.history),
                holdout_accuracy=result.history[-1].holdout_accuracy,
                checkpoint=str(result.checkpoint_dir),
            )
        )

    def _job(self) -> FinetuneJob:
        config = self.context.prepared.config
        return FinetuneJob(
            checkpoint_dir=self.context.pruned.absolute(),
            dataset=config.dataset,
            data_path=config.data_path.absolute() if config.data_path else None,
            recipe=self.context.prepared.recipe,
            seed=config.seed,
            out_dir=self.context.finetune.absolute(),
        )


def _record_of(report: EpochReport) -> FinetuneEpoch:
    return FinetuneEpoch(
        epoch=report.epoch,
        train_loss=report.train_loss,
        holdout_accuracy=report.holdout_accuracy,
        lr=report.lr,
        wall_s=report.wall_s,
    )
