"""The step that fine-tunes the best trials for a while, and names the best of them the winner.

Each finalist is trained by the recipe of the fine-tune from its beginning, with the whole recipe's schedule, and stops
after some epochs. The winner then goes on from there: its fine-tune equals one that was never interrupted, and the
price is that of the other finalists alone. Each has the workers that the winner will have, so it makes no difference
to the bits how many of them are trained at once. Only a range of workers is divided among them.
"""

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ground.files import folder_replaced
from pruning.checkpoint import is_whole
from search.setup.search_ground import SearchGround, make_ground
from search.steps.finetune import job_of
from search.steps.side_by_side import Action, Post, side_by_side
from search.steps.step import Step
from search.steps.winner import forget_former, name_winner, save_cut
from tracking.events import Event, payloads_of
from tracking.payloads import FinalistEnded, FinalistEpoch, Finalists, Winner
from tracking.phases import since_extension
from trainers.history import EpochReport
from trainers.job import FinetuneJob, FinetuneResult
from trainers.progress import FINALIST, FINALISTS, Progress
from trainers.recipe import Recipe
from trainers.workers import Workers

_log = logging.getLogger(__name__)


class FinalistsStep(Step):
    """Trains as many finalists at once as there is room for; what the ledger holds of one is not trained again."""

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
        waiting = [trial for trial in final.trials if self._score(trial, final) is None]
        self._train_all({trial: self._prepared(trial, final, ground) for trial in waiting}, final)
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

    def _prepared(self, trial: int, final: Finalists, ground: SearchGround) -> FinetuneJob:
        """The training of a finalist, whose files are there; what several share is made by one thread."""
        folder = self._folder(trial)
        if not is_whole(folder / "pruned"):
            save_cut(self.context, ground, trial, folder / "pruned")
        if not self._recorded(trial, final) and len(self._alike(final)) < len(self.context.ledger.events):
            # What is there was trained by another recipe.
            shutil.rmtree(folder / "finetune", ignore_errors=True)
        recipe = Recipe.parse(dict(final.recipe))
        return job_of(self.context, folder / "pruned", recipe, folder / "finetune", stop_after=final.epochs)

    def _recorded(self, trial: int, final: Finalists) -> set[int]:
        return {record.epoch for record in payloads_of(self._alike(final), FinalistEpoch) if record.trial == trial}

    def _train_all(self, jobs: Mapping[int, FinetuneJob], final: Finalists) -> None:
        context = self.context
        at_once = min(context.executor.finetunes_at_once(), len(jobs))
        if len(jobs) > 1:
            workers = context.executor.finetune_workers()
            context.finetune_progress(Progress(describe_room(at_once, workers), who=FINALISTS))
        works = [partial(self._train, trial, job, final, at_once) for trial, job in jobs.items()]
        if at_once > 1:
            side_by_side(works, at_once, context.interrupts.check)
            return
        for work in works:
            work(_now, context.interrupts.check)

    def _train(self, trial: int, job: FinetuneJob, final: Finalists, among: int, post: Post, check: Action) -> None:
        """Train one finalist, perhaps beside others; the ledger is written in the run's own thread."""
        context, recorded = self.context, self._recorded(trial, final)

        def on_epoch(report: EpochReport) -> None:
            if report.epoch not in recorded:
                check()
                post(partial(self._record_epoch, trial, report))

        def on_progress(progress: Progress) -> None:
            post(lambda: context.finetune_progress(_of_finalist(trial, final.epochs, progress)))

        result = context.executor.finetune(job, on_epoch, on_progress, check, among)
        post(lambda: self._end(trial, final, result))

    def _record_epoch(self, trial: int, report: EpochReport) -> None:
        self.context.ledger.record(_record_of(trial, report))

    def _end(self, trial: int, final: Finalists, result: FinetuneResult) -> None:
        last = _record_of(trial, result.history[final.epochs - 1])
        self.context.ledger.record(
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


def describe_room(at_once: int, workers: Workers) -> str:
    """Say how finalists are trained.

    Args:
        at_once: how many of them.
        workers: of each.
    """
    if at_once > 1:
        divided = "" if workers.is_fixed else ", and divide them"
        return f"{at_once} are trained side by side, on {workers.named()} each{divided}"
    several = f"; fewer --finetune-workers leave room for several, and a range (1-{workers.most}) is divided among them"
    fewer = several if workers.most > 1 else ""
    return f"trained one after another: there is room for one of them, on {workers.named()}{fewer}"


def _now(action: Action) -> None:
    action()


def _of_finalist(trial: int, epochs: int, progress: Progress) -> Progress:
    """The progress with whose it is; a finalist's training ends earlier than its recipe."""
    standing = None if progress.standing is None else replace(progress.standing, epochs=epochs)
    return replace(progress, standing=standing, who=f"{FINALIST} {trial}")


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
