"""The step that fine-tunes the best trials for a while, and names the best of them the winner.

Each finalist is trained by the recipe of the fine-tune from its beginning, with the whole recipe's schedule, and stops
after some epochs. The winner then goes on from there: its fine-tune equals one that was never interrupted, and the
price is that of the other finalists alone.
"""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

from ground.files import folder_replaced
from pruning.checkpoint import is_whole
from search.setup.search_ground import SearchGround, make_ground
from search.steps.finetune import job_of
from search.steps.step import Step
from search.steps.winner import forget_former, name_winner, save_cut
from tracking.events import Event, payloads_of
from tracking.payloads import FinalistEnded, FinalistEpoch, Finalists, Winner
from tracking.phases import since_extension
from trainers.history import EpochReport
from trainers.recipe import Recipe

_log = logging.getLogger(__name__)


class FinalistsStep(Step):
    """Trains one finalist after another; what the ledger holds of one is not trained again."""

    needs_executor = True

    def is_done(self) -> bool:
        """Return whether there is a winner, which the search itself names where there are no finalists."""
        return self.context.find(Winner, since_extension) is not None

    def run(self) -> None:
        """Train the finalists that have no score yet, and name the winner."""
        context = self.context
        final = context.find(Finalists, since_extension)
        assert final is not None, "the search has named them"
        ground = make_ground(context.prepared, context.splits, context.base, context.executor.compute)
        for trial in final.trials:
            if self._score(trial, final) is None:
                self._train(trial, final, ground)
        best = max(final.trials, key=lambda trial: self._rank(trial, final))
        forget_former(context, best)
        self._hand_over(best)
        name_winner(context, best, ground)

    def _rank(self, trial: int, final: Finalists) -> tuple[float, float, int]:
        """Accuracy, then the lower loss, then the place that the search gave it."""
        score = self._score(trial, final)
        assert score is not None, "all of them were trained"
        return score.holdout_accuracy, -score.holdout_loss, -final.trials.index(trial)

    def _score(self, trial: int, final: Finalists) -> FinalistEnded | None:
        """The score of a finalist, also one from before an extension, if it was trained as it would be now."""
        ended = [record for record in payloads_of(self._alike(final), FinalistEnded) if record.trial == trial]
        return ended[-1] if ended and ended[-1].epochs == final.epochs else None

    def _alike(self, final: Finalists) -> Sequence[Event]:
        """The events since finalists were trained by another recipe, if they ever were."""
        events = self.context.ledger.events
        others = (e.seq for e in events if isinstance(e.payload, Finalists) and e.payload.recipe != final.recipe)
        return events[max(others, default=0) :]

    def _train(self, trial: int, final: Finalists, ground: SearchGround) -> None:
        context, folder, alike = self.context, self._folder(trial), self._alike(final)
        if not is_whole(folder / "pruned"):
            save_cut(context, ground, trial, folder / "pruned")
        recorded = {record.epoch for record in payloads_of(alike, FinalistEpoch) if record.trial == trial}
        if not recorded and len(alike) < len(context.ledger.events):
            # What is there was trained by another recipe.
            shutil.rmtree(folder / "finetune", ignore_errors=True)

        def on_epoch(report: EpochReport) -> None:
            if report.epoch not in recorded:
                context.interrupts.check()
                context.ledger.record(_record_of(trial, report))

        recipe = Recipe.parse(dict(final.recipe))
        job = job_of(context, folder / "pruned", recipe, folder / "finetune", stop_after=final.epochs)
        result = context.executor.finetune(job, on_epoch, context.finetune_progress)
        last = _record_of(trial, result.history[final.epochs - 1])
        context.ledger.record(
            FinalistEnded(
                trial=trial,
                epochs=final.epochs,
                holdout_accuracy=last.holdout_accuracy,
                holdout_loss=last.holdout_loss,
                wall_s=result.wall_s,
            )
        )

    def _hand_over(self, trial: int) -> None:
        """Let the winner's fine-tune begin where it stopped as a finalist; the finalist's own folder stays as it is."""
        trained, own = self._folder(trial) / "finetune", self.context.finetune
        if own.is_dir():
            return
        if not trained.is_dir():
            _log.warning("the training of finalist %s is missing: the winner is trained from the beginning", trial)
            return
        with folder_replaced(own) as draft:
            shutil.copytree(trained, draft, dirs_exist_ok=True)

    def _folder(self, trial: int) -> Path:
        return self.context.folder.path / "finalists" / f"trial-{trial:03d}"


def _record_of(trial: int, report: EpochReport) -> FinalistEpoch:
    assert report.holdout_accuracy is not None, "the holdout is kept for this"
    assert report.holdout_loss is not None
    return FinalistEpoch(
        trial=trial,
        epoch=report.epoch,
        train_loss=report.train_loss,
        holdout_accuracy=report.holdout_accuracy,
        holdout_loss=report.holdout_loss,
        lr=report.lr,
        wall_s=report.wall_s,
    )
