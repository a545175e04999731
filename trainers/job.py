"""One worker's part of a fine-tune: the same code in one process, under torchrun and under Ray Train."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict

from ground.cache import content_key
from ground.files import file_hash
from pruning.checkpoint import PrunedModel, load_pruned, read_architecture, save_pruned
from pruning.models import create_model
from pruning.planning import build_plan
from trainers.base import check_fit
from trainers.datasets.base import Splits
from trainers.datasets.registry import dataset
from trainers.errors import DamagedStateError
from trainers.evaluate import evaluate
from trainers.history import EpochReport, History, append_epoch, keep_epochs, read_epochs
from trainers.loop import Training
from trainers.place import Place
from trainers.recipe import Precision, Recipe
from trainers.state import load_state, save_state, saved_history

_log = logging.getLogger(__name__)

STATE, EPOCHS, MODEL = "state.safetensors", "epochs.jsonl", "model"
STARTED, STOP = "started", "stop"
WEIGHTS = "model.safetensors"


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
        trusted: factories that the checkpoint may name as its model, because the user named them. It is no part of
            the training's identity.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoint_dir: Path
    dataset: str
    data_path: Path | None = None
    recipe: Recipe
    seed: int
    out_dir: Path
    trusted: tuple[str, ...] = ()


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
    """

    checkpoint_dir: Path
    history: History
    wall_s: float
    workers: int
    completed: bool


def run_job(job: FinetuneJob, place: Place, on_epoch: Callable[[EpochReport], None] | None = None) -> WorkerOutcome:
    """Train from the last state in `out_dir` to the end of the recipe, and write the model.

    The weights kept are the last epoch's, not those of the best epoch on the holdout: the holdout already chose the
    strategy, and choosing the epoch by it too would bias its score upward.

    Args:
        job: what to train, and where to write.
        place: this worker.
        on_epoch: called after each epoch that is trained now.

    Raises:
        StateError: `out_dir` holds another training's state.
        TrainerError: also any error of dataset or training.
        PruningError: the checkpoint cannot be read.
    """
    pruned = load_pruned(job.checkpoint_dir, trusted=job.trusted)
    splits = dataset(job.dataset).splits(job.data_path, seed=job.seed, input_size=pruned.spec.input_size)
    check_fit(pruned.spec, splits.info, job.dataset)
    output = pruned.spec.output
    training = Training(pruned.module, splits.train, job.recipe, seed=job.seed, place=place, output=output)
    identity = identity_of(job)
    history = load_state(job.out_dir / STATE, training, identity)
    if place.is_main:
        keep_epochs(job.out_dir / EPOCHS, history)
    for report in _epochs(training, splits, job, place, output):
        history = (*history, report)
        if place.is_main:
            save_state(job.out_dir / STATE, training, history, identity)
            append_epoch(job.out_dir / EPOCHS, report)
        if on_epoch is not None:
            on_epoch(report)
        if _stopped(job, place):
            break
    completed = len(history) == job.recipe.epochs
    if place.is_main and completed:
        _write_model(pruned, job)
    return WorkerOutcome(history, completed)


def _epochs(
    training: Training, splits: Splits, job: FinetuneJob, place: Place, output: str | None
) -> Iterator[EpochReport]:
    holdout = splits.holdout.to(place.device)
    autocast = torch.bfloat16 if job.recipe.precision is Precision.BF16 else None
    for trained in training.epochs():
        place.broadcast_buffers(training.model)
        score = evaluate(training.model, holdout, place=place, autocast=autocast, output=output)
        yield EpochReport.of(trained, score)


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
    check_fit(spec, data.info(job.data_path, input_size=spec.input_size), job.dataset)
    data.check(job.data_path)


def prepare_folder(job: FinetuneJob) -> None:
    """Remove what an earlier run left, except the state of this same training and its epochs.

    The epochs are written again from the state. A damaged state is removed, with a warning: then the training begins
    again.

    Raises:
        StateError: the folder holds another training's state.
    """
    job.out_dir.mkdir(parents=True, exist_ok=True)
    try:
        history = saved_history(job.out_dir / STATE, identity_of(job))
    except DamagedStateError as error:
        _log.warning("%s; it is deleted, and the training begins again", error)
        (job.out_dir / STATE).unlink()
        history = None
    for leftover in (STOP, STARTED, EPOCHS):
        (job.out_dir / leftover).unlink(missing_ok=True)
    if history is not None:
        keep_epochs(job.out_dir / EPOCHS, history)


def request_stop(out_dir: Path) -> None:
    """Ask a running fine-tune to end after the current epoch; its state stays, to be continued."""
    (out_dir / STOP).touch()


def result_of(job: FinetuneJob, workers: int, wall_s: float) -> FinetuneResult:
    """Read the result from the job's folder after its workers have ended."""
    history = read_epochs(job.out_dir / EPOCHS)
    return FinetuneResult(job.out_dir / MODEL, history, wall_s, workers, len(history) == job.recipe.epochs)


def identity_of(job: FinetuneJob) -> str:
    """A hash of all that two jobs must have in common for one to continue the other's state."""
    weights = file_hash(job.checkpoint_dir / WEIGHTS)
    recipe = job.recipe.model_dump(mode="json")
    output = read_architecture(job.checkpoint_dir).spec.output
    named = {} if output is None else {"output": output}
    return content_key({"weights": weights, "dataset": job.dataset, "recipe": recipe, "seed": job.seed} | named)


def _write_model(pruned: PrunedModel, job: FinetuneJob) -> None:
    plan = build_plan(create_model(pruned.spec), pruned.spec, verify=False)
    recipe = {"finetune": job.recipe.model_dump(mode="json"), "dataset": job.dataset, "seed": job.seed}
    save_pruned(pruned.module.cpu().eval(), plan, pruned.selection, job.out_dir / MODEL, recipe=recipe)
