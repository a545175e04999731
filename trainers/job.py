"""One worker's part of a fine-tune: the same code in one process, under torchrun and under Ray Train."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from ground.files import file_hash, is_draft, write_whole
from pruning.checkpoint import PrunedModel, load_pruned, read_architecture, save_pruned
from pruning.models import create_model
from pruning.planning import build_plan
from trainers.base import check_fit
from trainers.choices import Precision
from trainers.datasets.base import DataInfo, Splits
from trainers.datasets.registry import dataset
from trainers.errors import RecipeError
from trainers.evaluate import Evaluation, evaluate
from trainers.failure import FAILED
from trainers.history import EpochReport, History, append_epoch, keep_epochs, read_epochs
from trainers.identity import Identity, check_same, data_identity
from trainers.keeping import Keeper
from trainers.loop import EpochTrained, Training
from trainers.place import Place, computes_in_bf16
from trainers.progress import OnProgress, Progress, Standing, unheard
from trainers.recipe import Recipe
from trainers.running_out import most_images, noted
from trainers.state import read_state, state_paths

STATE, EPOCHS, MODEL = "state.safetensors", "epochs.jsonl", "model"
STARTED, STOP, PROGRESS, UNREADABLE = "started", "stop", "progress.json", "unreadable"
WEIGHTS = "model.safetensors"
STATE_EVERY_S = 600.0

OnEpoch = Callable[[EpochReport], None]


class FinetuneJob(BaseModel):
    """What every worker receives.

    Attributes:
        checkpoint_dir: the pruned model, as `save_pruned` wrote it.
        dataset: name of the dataset.
        data_path: its folder, where it reads one.
        recipe: how to train.
        seed: decides order, augmentation and holdout. It must be the seed of the base model and the search, or
            images that were scored become images that are trained on.
        out_dir: rank 0 writes state.safetensors, epochs.jsonl and model/ here. With workers on several nodes it must
            be a folder that all nodes see.
        teacher_dir: the unpruned model, likewise, for a recipe with distillation.
        trusted: factories that the checkpoint may name as its model, because the user named them. It is no part of
            the training's identity.
        stop_after: the epoch after which it ends, to be continued later by the same job without this; None trains to
            the end of the recipe. It is no part of the training's identity either.
        state_every_s: seconds between two states within an epoch, so that no more is lost when a process is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoint_dir: Path
    dataset: str
    data_path: Path | None = None
    recipe: Recipe
    seed: int
    out_dir: Path
    teacher_dir: Path | None = None
    trusted: tuple[str, ...] = ()
    stop_after: int | None = Field(default=None, ge=1)
    state_every_s: float = Field(default=STATE_EVERY_S, ge=0)

    def resolved(self, *, gpu: bool, bf16: bool = True) -> "FinetuneJob":
        """This job with what its recipe leaves to the device, which is a part of what makes it one training."""
        return self.model_copy(update={"recipe": self.recipe.resolved(gpu=gpu, bf16=bf16)})


@dataclass(frozen=True, slots=True)
class WorkerOutcome:
    """How a worker's part ended.

    Attributes:
        history: all epochs, including those of an earlier, interrupted part.
        completed: False if a stop was requested before the last epoch.
    """

    history: History
    completed: bool


@dataclass(frozen=True, slots=True)
class FinetuneResult:
    """The result of a fine-tune.

    Attributes:
        checkpoint_dir: the trained model, as `save_pruned` writes it.
        history: all epochs, including those of an earlier, interrupted part.
        wall_s: seconds of this call, including the workers' start.
        workers: how many trained.
        completed: False if a stop was requested before the last epoch. Then there is no model yet, and the same call
            continues the training.
        unreadable: images that were left out because they cannot be read, and why.
    """

    checkpoint_dir: Path
    history: History
    wall_s: float
    workers: int
    completed: bool
    unreadable: Mapping[str, str] = field(default_factory=dict)


def run_job(
    job: FinetuneJob, place: Place, on_epoch: OnEpoch | None = None, on_progress: OnProgress = unheard
) -> WorkerOutcome:
    """Train from the last state in `out_dir` to the end of the recipe, and write the model.

    The weights kept are the last epoch's, not those of the best epoch on the holdout: the holdout already chose the
    strategy, and choosing the epoch by it too would bias its score upward.

    Args:
        job: what to train, and where to write.
        place: this worker.
        on_epoch: called after each epoch that is trained now.
        on_progress: called with what this worker is doing.

    Raises:
        StateError: `out_dir` holds another training's state.
        WorkersDifferError: workers see different weights or data.
        RanOutError: a worker's memory ran out; the same job then goes on with smaller passes.
        TrainerError: also any error of dataset or training.
        PruningError: the checkpoint cannot be read.
    """
    on_progress(Progress("reading the checkpoint and the data set"))
    job = job.resolved(gpu=place.device.type == "cuda", bf16=computes_in_bf16(place.device))
    pruned = load_pruned(job.checkpoint_dir, trusted=job.trusted)
    data = dataset(job.dataset, pruned.preprocessing)
    splits = data.splits(job.data_path, seed=job.seed, input_size=pruned.spec.image_size)
    check_fit(pruned.spec, splits.info, job.dataset)
    identity = identity_of(job, splits)
    check_same(place, identity)
    train = splits.train.joined(splits.holdout) if job.recipe.train_on_holdout else splits.train
    output = pruned.spec.output
    teacher = _teacher(job, pruned)
    training = Training(pruned.module, train, job.recipe, seed=job.seed, place=place, output=output, teacher=teacher)
    keeper = Keeper(job.out_dir / STATE, identity, place, job.state_every_s)
    history = keeper.restore(training)
    training.limit_passes(most_images(place, job.out_dir, identity))
    if place.is_main:
        keep_epochs(job.out_dir / EPOCHS, history)

    def on_check(standing: Standing) -> int:
        on_progress(Progress("training", standing))
        return keeper.check(training, history, standing)

    on_progress(Progress(f"training on {len(train):,} images, from epoch {len(history) + 1} on"))
    if job.stop_after is not None and len(history) >= job.stop_after:
        splits.close()
        return WorkerOutcome(history, len(history) == job.recipe.epochs)
    scorer = _Scorer(splits, training.recipe, place, output)
    with noted(job.out_dir, identity):
        for trained in training.epochs(on_check):
            report = scorer.report(training, trained)
            history = (*history, report)
            keeper.epoch_ended(training, history)
            _write_unreadable(job.out_dir, place, train.unreadable)
            if place.is_main:
                append_epoch(job.out_dir / EPOCHS, report)
            if on_epoch is not None:
                on_epoch(report)
            if _stopped(job, place) or report.epoch == job.stop_after:
                break
    completed = len(history) == job.recipe.epochs
    if place.is_main and completed:
        with training.exported():
            _write_model(pruned, job, splits.info)
    train.close()
    splits.close()
    return WorkerOutcome(history, completed)


def _teacher(job: FinetuneJob, pruned: PrunedModel) -> nn.Module | None:
    """The unpruned model that the recipe learns from.

    Raises:
        RecipeError: none is named, or it is for other classes or images.
    """
    spec = pruned.spec
    if job.recipe.distill is None:
        return None
    if job.teacher_dir is None:
        raise RecipeError(
            f"distill = {job.recipe.distill} needs the unpruned model to learn from: name its checkpoint, as in "
            "--teacher FOLDER, or leave distill out"
        )
    teacher = load_pruned(job.teacher_dir, trusted=job.trusted)
    if (teacher.spec.num_classes, teacher.spec.input_size) != (spec.num_classes, spec.input_size):
        raise RecipeError(
            f"the model {teacher.spec.name} in {job.teacher_dir} has {teacher.spec.num_classes} classes and images of "
            f"{teacher.spec.input_size}, the pruned one {spec.num_classes} and {spec.input_size}: it cannot teach it"
        )
    theirs, ours = teacher.preprocessing, pruned.preprocessing
    if theirs and ours and (theirs.mean, theirs.std) != (ours.mean, ours.std):
        raise RecipeError(
            f"the model in {job.teacher_dir} takes images with mean {theirs.mean} and deviation {theirs.std}, the "
            f"pruned one with {ours.mean} and {ours.std}: it cannot teach it, for both see the same images"
        )
    return teacher.module


class _Scorer:
    """Scores the model on the holdout's images after an epoch, all workers together."""

    def __init__(self, splits: Splits, recipe: Recipe, place: Place, output: str | None) -> None:
        self._holdout = splits.holdout.to(place.device)
        self._place, self._output = place, output
        self._autocast = torch.bfloat16 if recipe.precision is Precision.BF16 else None

    def report(self, training: Training, trained: EpochTrained) -> EpochReport:
        average = None
        if training.average is not None:
            with training.average.in_place():
                average = self._score(training)
        score = average if training.recipe.export_ema else self._score(training)
        assert score is not None, "an average is exported only where there is one"
        return EpochReport.of(trained, score, average, on_trained=training.recipe.train_on_holdout)

    def _score(self, training: Training) -> Evaluation:
        self._place.broadcast_buffers(training.model)
        model, place = training.model, self._place
        return evaluate(model, self._holdout, place=place, autocast=self._autocast, output=self._output)


def _stopped(job: FinetuneJob, place: Place) -> bool:
    """Whether rank 0 sees the stop file. All workers get the same answer, or some would wait for ever."""
    seen = torch.tensor(int(place.is_main and (job.out_dir / STOP).exists()), device=place.device)
    return bool(place.broadcast(seen))


def check_job(job: FinetuneJob) -> None:
    """Find in the driver, at once, what every worker would fail on after ten seconds of starting.

    Raises:
        DataPathError: dataset and model do not fit, or the dataset's folder cannot be used.
        PruningError: the checkpoint cannot be read.
    """
    spec = load_pruned(job.checkpoint_dir, trusted=job.trusted).spec
    data = dataset(job.dataset)
    check_fit(spec, data.info(job.data_path, input_size=spec.image_size), job.dataset)
    data.check(job.data_path)


def prepare_folder(job: FinetuneJob) -> None:
    """Remove what an earlier run left, except the states of this same training and its epochs; nobody else writes here.

    The epochs are written again from the state. Damaged states are removed, with a warning: then the training goes on
    from an older one, or begins again.

    Raises:
        StateError: the folder holds another training's state.
    """
    job.out_dir.mkdir(parents=True, exist_ok=True)
    state = job.out_dir / STATE
    # Without a state there is nothing to compare with, and a large folder of images takes a while to look at.
    found = read_state(state, _identity_here(job)) if any(path.exists() for path in state_paths(state)) else None
    written = (job.out_dir / name for name in (STOP, STARTED, EPOCHS, PROGRESS, FAILED))
    # A process that was killed while it wrote a state leaves a draft as large as that.
    drafts = (path for path in job.out_dir.glob(".*") if is_draft(path) and path.is_file())
    for leftover in (*written, *drafts, *job.out_dir.glob(f"{UNREADABLE}-*.json")):
        leftover.unlink(missing_ok=True)
    if found is not None:
        keep_epochs(job.out_dir / EPOCHS, found.history)


def request_stop(out_dir: Path) -> None:
    """Ask a running fine-tune to end after the current epoch; its state stays, to be continued."""
    (out_dir / STOP).touch()


def result_of(job: FinetuneJob, workers: int, wall_s: float) -> FinetuneResult:
    """Read the result from the job's folder after its workers have ended."""
    history = read_epochs(job.out_dir / EPOCHS)
    completed = len(history) == job.recipe.epochs
    return FinetuneResult(job.out_dir / MODEL, history, wall_s, workers, completed, _read_unreadable(job.out_dir))


def _write_unreadable(out_dir: Path, place: Place, unreadable: Mapping[str, str]) -> None:
    """Each worker sees other images, so each writes its own file."""
    if unreadable:
        text = json.dumps(dict(unreadable), indent=2, ensure_ascii=False)
        write_whole(out_dir / f"{UNREADABLE}-{place.rank}.json", text + "\n")


def _read_unreadable(out_dir: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted(out_dir.glob(f"{UNREADABLE}-*.json")):
        found |= json.loads(path.read_text(encoding="utf-8"))
    return found


def identity_of(job: FinetuneJob, splits: Splits) -> Identity:
    """All that two jobs must have in common for one to continue the other's state."""
    output = read_architecture(job.checkpoint_dir).spec.output
    named = {} if output is None else {"output": output}
    if job.teacher_dir is not None and job.recipe.distill is not None:
        named["teacher"] = file_hash(job.teacher_dir / WEIGHTS)
    return {
        "weights": file_hash(job.checkpoint_dir / WEIGHTS),
        "dataset": job.dataset,
        "recipe": job.recipe.model_dump(mode="json"),
        "seed": job.seed,
        **named,
        **data_identity(splits),
    }


def _identity_here(job: FinetuneJob) -> Identity:
    written = read_architecture(job.checkpoint_dir)
    data = dataset(job.dataset, written.preprocessing)
    size = written.model_spec.image_size
    return identity_of(job, data.splits(job.data_path, seed=job.seed, input_size=size))


def _write_model(pruned: PrunedModel, job: FinetuneJob, info: DataInfo) -> None:
    plan = build_plan(create_model(pruned.spec), pruned.spec, verify=False)
    recipe = {"finetune": job.recipe.model_dump(mode="json"), "dataset": job.dataset, "seed": job.seed}
    module, out = pruned.module.cpu().eval(), job.out_dir / MODEL
    save_pruned(module, plan, pruned.selection, out, recipe=recipe, preprocessing=info.preprocessing)
