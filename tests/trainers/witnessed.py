"""A fine-tune of which each worker notes what it saw, and the ways in which that can be wrong.

Each image is a class of its own, so its label says which image it is.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

import trainers.job
import trainers.wrapping
from pruning.checkpoint import load_pruned, save_pruned
from pruning.models import ModelSpec
from pruning.planning import build_plan
from trainers.base import initial_model
from trainers.datasets.augmentation import Augmentation
from trainers.datasets.base import Batch, DataInfo, Dataset, InputSize, Split, Splits
from trainers.datasets.imagefolder import FolderSplit
from trainers.datasets.memory import TensorSplit
from trainers.datasets.registry import DATASETS
from trainers.evaluate import evaluate
from trainers.history import History
from trainers.job import MODEL, FinetuneJob, run_job
from trainers.loop import Training
from trainers.place import Place
from trainers.progress import OnProgress, unheard
from trainers.recipe import Recipe
from trainers.schedule import mixed

SIZE: InputSize = (3, 16, 16)
TRAIN, HOLDOUT = 26, 7
RECIPE = Recipe(lr=0.05, epochs=2, batch_size=12, warmup_epochs=0.5)
PLAIN, NORMED = "tests.trainers.small:plain_net", "tests.trainers.small:normed_net"
SEED = 3


@dataclass(slots=True)
class Witness:
    """What one worker saw.

    Attributes:
        trained: of each step in turn, the hash of each image's pixels by its number.
        scored: the numbers of the images that it scored, in each epoch.
        weights: of its model, at the end.
        history: of the training, as it reports it.
    """

    trained: list[list[tuple[int, str]]] = field(default_factory=list)
    scored: list[int] = field(default_factory=list)
    weights: dict[str, Tensor] = field(default_factory=dict)
    history: History = ()


class Watched(Split):
    """A split that notes the batches that are read of it."""

    def __init__(self, inner: Split, witness: Witness) -> None:
        self._inner, self._witness = inner, witness

    @property
    def labels(self) -> Tensor:
        return self._inner.labels

    def batches(
        self,
        index_batches: Sequence[Tensor],
        *,
        place: Place,
        augment: bool | Augmentation,
        seed: int,
        first: int = 0,
        lenient: bool = False,
    ) -> Iterator[Batch]:
        read = self._inner.batches(index_batches, place=place, augment=augment, seed=seed, first=first, lenient=lenient)
        for images, labels in read:
            numbers = labels.tolist()
            if augment:
                hashes = [hashlib.sha256(image.numpy().tobytes()).hexdigest() for image in images]
                self._witness.trained.append(list(zip(numbers, hashes, strict=True)))
            elif not lenient:  # what is neither is looked at before the training
                self._witness.scored.extend(numbers)
            yield images, labels

    def images(self, indices: Tensor) -> Tensor:
        return self._inner.images(indices)

    def fingerprint(self) -> str:
        return self._inner.fingerprint()


class Numbered(Dataset):
    """Images of noise: files that readers decode, or the same in memory where there are no readers."""

    name: ClassVar[str] = "numbered"

    def __init__(self, witness: Witness, readers: int | None, holdout: int = HOLDOUT, shift: int = 0) -> None:
        self._witness, self._readers, self._holdout, self._shift = witness, readers, holdout, shift

    def info(self, data_path: Path | None = None, *, input_size: InputSize | None = None) -> DataInfo:
        return DataInfo(TRAIN, SIZE)

    def splits(self, data_path: Path | None = None, *, seed: int, input_size: InputSize | None = None) -> Splits:
        assert data_path is not None
        train = Watched(self._split(data_path, range(TRAIN)), self._witness)
        holdout = Watched(self._split(data_path, range(TRAIN, TRAIN + self._holdout)), self._witness)
        return Splits(self.info(), train, holdout, holdout)

    def _split(self, folder: Path, numbers: range) -> Split:
        samples = tuple((str(folder / f"{number:03d}.png"), number - numbers.start) for number in numbers)
        files = FolderSplit(samples, SIZE, self._readers or 0)
        if self._readers is not None:
            return files
        pixels = files.images(torch.arange(len(files))) + self._shift
        return TensorSplit(pixels, files.labels, shift=2, flip=True)


def write_images(folder: Path) -> Path:
    """Write as many images of noise as all tests need."""
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (TRAIN + HOLDOUT, 20, 20, 3), dtype=np.uint8)
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{number:03d}.png")
    return folder


def unpruned(folder: Path, factory: str) -> Path:
    """A checkpoint of a whole network, which is enough to be fine-tuned."""
    spec = ModelSpec(factory, TRAIN, SIZE)
    model = initial_model(spec, 0)
    plan = build_plan(model, spec, verify=False)
    return save_pruned(model, plan, tuple(tuple(range(group.units)) for group in plan.groups), folder)


def a_job(images: Path, checkpoint: Path, out: Path, recipe: Recipe = RECIPE, **options: Any) -> FinetuneJob:
    out.mkdir(exist_ok=True, parents=True)
    return FinetuneJob(
        checkpoint_dir=checkpoint, dataset="numbered", data_path=images, recipe=recipe, seed=SEED, out_dir=out,
        trusted=(PLAIN, NORMED), **options,
    )  # fmt: skip


def witnessed(
    place: Place,
    job: FinetuneJob,
    readers: int | None,
    mutant: str | None = None,
    *,
    on_progress: OnProgress = unheard,
    **data: int,
) -> Witness:
    """Run one worker's part of a fine-tune, with a fault planted if one is named."""
    witness, trained = Witness(), list[Training]()

    def noted(*arguments: Any, **options: Any) -> Training:
        trained.append(Training(*arguments, **options))
        return trained[-1]

    with ExitStack() as stack:
        stack.enter_context(patch.dict(DATASETS, {"numbered": lambda: Numbered(witness, readers, **data)}))
        stack.enter_context(patch.object(trainers.job, "Training", noted))
        if mutant is not None:
            stack.enter_context(MUTANTS[mutant][0]())
        witness.history = run_job(job, place, on_progress=on_progress).history
    witness.weights = {name: value.clone() for name, value in trained[0].model.state_dict().items()}
    return witness


def faults(workers: Sequence[Witness], alone: Witness, scored_alone: float) -> set[str]:
    """Compare what several workers saw with what one saw.

    Args:
        workers: in the order of their ranks.
        alone: of the same training on one worker.
        scored_alone: the loss of the workers' last model on the whole holdout, as one process scores it.
    """
    found = set()
    steps = [[image for worker in step for image in worker] for step in zip(*(w.trained for w in workers), strict=True)]
    if [Counter(number for number, _ in step) for step in steps] != [
        Counter(number for number, _ in step) for step in alone.trained
    ]:
        found.add("images")
    pixels = [dict(step) for step in alone.trained]
    if any(pixels[n].get(number, seen) != seen for n, step in enumerate(steps) for number, seen in step):
        found.add("pixels")
    if any(not same_weights(worker.weights, alone.weights) for worker in workers):
        found.add("weights")
    for ours, theirs in zip(workers[0].history, alone.history, strict=True):
        if not math.isclose(ours.train_loss, theirs.train_loss, rel_tol=1e-5):
            found.add("loss")
    by_hand = [[n for n in range(HOLDOUT) if n % len(workers) == rank] * RECIPE.epochs for rank in range(len(workers))]
    if [worker.scored for worker in workers] != by_hand:
        found.add("who scored")
    scored = [worker.history[-1].holdout_loss for worker in workers]
    if not all(loss is not None and math.isclose(loss, scored_alone, rel_tol=1e-6) for loss in scored):
        found.add("scores")
    return found


def same_weights(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return all(torch.allclose(first[name], second[name], rtol=0, atol=1e-5) for name in second)


def score_alone(job: FinetuneJob) -> float:
    """The holdout loss of the model that a job wrote, in one process that shares nothing."""
    assert job.data_path is not None
    holdout = Numbered(Witness(), 0).splits(job.data_path, seed=SEED).holdout
    module = load_pruned(job.out_dir / MODEL, trusted=job.trusted).module
    return evaluate(module, holdout, place=Place(torch.device("cpu"))).loss


def _instead(owner: Any, name: str, substitute: Callable[..., Any]) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: patch.object(owner, name, substitute)


def _first_part(length: int) -> Callable[[Place, Tensor], Tensor]:
    """A share that begins at the first index on every rank, of batches of that length."""

    def share(place: Place, indices: Tensor) -> Tensor:
        wrong = len(indices) == length
        return indices[: math.ceil(length / place.world)] if wrong else indices[place.rank :: place.world]

    return share


def _not_wrapped(heads: nn.Module, **options: Any) -> nn.Module:
    return heads


MUTANTS: dict[str, tuple[Callable[[], AbstractContextManager[Any]], set[str]]] = {
    "each rank scores from image 0": (_instead(Place, "share", _first_part(HOLDOUT)), {"who scored", "scores"}),
    "overlapping shares": (_instead(Place, "share", _first_part(RECIPE.batch_size)), {"images", "weights", "loss"}),
    "loss not divided by the world": (_instead(Place, "mean", lambda place, v: place.all_reduce([v])[0]), {"loss"}),
    "no DDP": (_instead(trainers.wrapping, "DistributedDataParallel", _not_wrapped), {"weights", "loss"}),
    "pixels seeded by rank": (
        _instead(Training, "_pixel_seed", lambda self, epoch: mixed(SEED, epoch, self._place.rank)),
        {"pixels", "weights"},
    ),
    "no broadcast of buffers": (_instead(Place, "broadcast_buffers", lambda place, model: None), {"scores"}),
}
"""How to plant each fault, and what is then wrong among other things."""


def own_folder(place: Place, job: FinetuneJob, readers: int | None) -> Witness:
    """Each rank has a folder of its own, as where a network file system shows each of them another file."""
    return witnessed(place, job.model_copy(update={"out_dir": job.out_dir / str(place.rank)}), readers)


def other_images(place: Place, job: FinetuneJob) -> Witness:
    """Each rank sees other images."""
    return witnessed(place, job, None, shift=place.rank)


def holdout_of_two(place: Place, job: FinetuneJob) -> Witness:
    """The holdout is smaller than many a group."""
    return witnessed(place, job, 0, holdout=2)


class DiedError(Exception):
    """A worker ends here."""


def dying(place: Place, job: FinetuneJob, readers: int | None, at: int) -> None:
    """Train, and die in this step, counted from 1."""
    taken, step = [0], Training._step

    def counted(*arguments: Any) -> Tensor:
        taken[0] += 1
        if taken[0] == at:
            raise DiedError
        return step(*arguments)

    with patch.object(Training, "_step", counted):
        witnessed(place, job, readers)


def diverging(place: Place, job: FinetuneJob) -> None:
    """One worker's loss is no number from a step within the epoch on."""
    step = Training._step

    def broken(training: Training, *arguments: Any) -> Tensor:
        loss = step(training, *arguments)
        return loss * math.nan if place.rank == 1 else loss

    with patch.object(Training, "_step", broken):
        witnessed(place, job, 0)
