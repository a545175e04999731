"""One worker's part of a fine-tune: the same code alone, under torchrun and under Ray Train."""

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
from trainers.evaluate import evaluate
from trainers.history import EpochReport, History, append_epoch, keep_epochs, read_epochs
from trainers.loop import Training
from trainers.place import Place
from trainers.recipe import Precision, Recipe
from trainers.state import check_state, load_state, save_state

STATE, EPOCHS, MODEL = "state.safetensors", "epochs.jsonl", "model"
STARTED, STOP = "started", "stop"
WEIGHTS = "model.safetensors"


class FinetuneJob(BaseModel):
    """What every worker is told.

    Attributes:
        checkpoint_dir: the pruned model, as `save_pruned` wrote it.
        dataset: name of the dataset.
        data_path: its folder, where it reads one.
        recipe: how to train.
        seed: decides order and augmentation, and the holdout: give the seed that the base model and
            the search had, or images that were scored become images that are trained on.
        out_dir: state.safetensors, epochs.jsonl and model/ are written here by rank 0; with workers on
            several nodes it must be a folder that all of them see.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoint_dir: Path
    dataset: str
    data_path: Path | None = None
    recipe: Recipe
    seed: int
    out_dir: Path


@dataclass(frozen=True, slots=True)
class WorkerOutcome:
    """How a worker's part ended.

    Attributes:
        history: all epochs, those of an earlier, interrupted part included.
        completed: False when a stop was asked for before the last epoch.
    """

    history: History
    completed: bool


@dataclass(frozen=True, slots=True)
class FinetuneResult:
    """What a fine-tune ended with.

    Attributes:
        checkpoint_dir: the trained model, as `save_pruned` writes it.
        history: every epoch, those of an earlier, interrupted part included.
        wall_s: seconds in this call, the workers' start included.
        workers: how many trained.
        completed: False when a stop was asked for before the last epoch; then there is no model yet,
            and the same call continues.
    """

    checkpoint_dir: Path
    history: History
    wall_s: float
    workers: int
    completed: bool


def run_job(job: FinetuneJob, place: Place, on_epoch: Callable[[EpochReport], None] | None = None) -> WorkerOutcome:
    """Trains from the last state in `out_dir` to the end of the recipe and writes the model.

    The weights kept are the last epoch's, not those of the best epoch on the holdout: the holdout
    already chose the strategy, and choosing the epoch by it too would flatter its figure.
    """
    pruned = load_pruned(job.checkpoint_dir)
    splits = dataset(job.dataset).splits(job.data_path, seed=job.seed, input_size=pruned.spec.input_size)
    check_fit(pruned.spec, splits.info, job.dataset)
    output = pruned.spec.output
    training = Training(pruned.module, splits.train, job.recipe, seed=job.seed, place=place, output=output)
    identity = identity_of(job)
    history = load_state(job.out_dir / STATE, training, identity)
    if place.leads:
        keep_epochs(job.out_dir / EPOCHS, history)
    for report in _epochs(training, splits, job, place, output):
        history = (*history, report)
        if place.leads:
            save_state(job.out_dir / STATE, training, history, identity)
            append_epoch(job.out_dir / EPOCHS, report)
        if on_epoch is not None:
            on_epoch(report)
        if _stopped(job, place):
            break
    completed = len(history) == job.recipe.epochs
    if place.leads and completed:
        _write_model(pruned, job)
    return WorkerOutcome(history, completed)


def _epochs(
    training: Training, splits: Splits, job: FinetuneJob, place: Place, output: str | None
) -> Iterator[EpochReport]:
    holdout = splits.holdout.to(place.device)
    autocast = torch.bfloat16 if job.recipe.precision is Precision.BF16 else None
    for trained in training.epochs():
        place.share_buffers(training.model)
        score = evaluate(training.model, holdout, place=place, autocast=autocast, output=output)
        yield EpochReport.of(trained, score)


def _stopped(job: FinetuneJob, place: Place) -> bool:
    """Whether rank 0 sees the stop file; all workers answer alike, or the others would wait for ever."""
    seen = torch.tensor(int(place.leads and (job.out_dir / STOP).exists()), device=place.device)
    return bool(place.share(seen))


def check_job(job: FinetuneJob) -> None:
    """Finds in the driver, at once, what every worker would fail on after ten seconds of starting."""
    spec = load_pruned(job.checkpoint_dir).spec
    check_fit(spec, dataset(job.dataset).info(job.data_path, input_size=spec.input_size), job.dataset)


def prepare_folder(job: FinetuneJob) -> None:
    """Clears what an earlier run left, except the state of this same training and its epochs."""
    job.out_dir.mkdir(parents=True, exist_ok=True)
    continues = check_state(job.out_dir / STATE, identity_of(job)) is not None
    for leftover in (STOP, STARTED) if continues else (STOP, STARTED, EPOCHS):
        (job.out_dir / leftover).unlink(missing_ok=True)


def request_stop(out_dir: Path) -> None:
    """Asks a running fine-tune to end after the epoch it is in; its state stays, to be continued."""
    (out_dir / STOP).touch()


def result_of(job: FinetuneJob, workers: int, wall_s: float) -> FinetuneResult:
    """What lies in the job's folder after its workers have ended."""
    history = read_epochs(job.out_dir / EPOCHS)
    return FinetuneResult(job.out_dir / MODEL, history, wall_s, workers, len(history) == job.recipe.epochs)


def identity_of(job: FinetuneJob) -> str:
    """What two jobs must have in common for one to continue the other's state."""
    weights = file_hash(job.checkpoint_dir / WEIGHTS)
    recipe = job.recipe.model_dump(mode="json")
    output = read_architecture(job.checkpoint_dir).spec.output
    named = {} if output is None else {"output": output}
    return content_key({"weights": weights, "dataset": job.dataset, "recipe": recipe, "seed": job.seed} | named)


def _write_model(pruned: PrunedModel, job: FinetuneJob) -> None:
    plan = build_plan(create_model(pruned.spec), pruned.spec, verify=False)
    recipe = {"finetune": job.recipe.model_dump(mode="json"), "dataset": job.dataset, "seed": job.seed}
    save_pruned(pruned.module.cpu().eval(), plan, pruned.selection, job.out_dir / MODEL, recipe=recipe)
