"""A trial's score: recalibrate, train a few short epochs, score the holdout at each rung."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainers.datasets.base import Split, Splits
from trainers.datasets.holdout import stratified_holdout
from trainers.datasets.memory import TensorSplit
from trainers.datasets.normalising import UNCHANGED, Normalisation, Pixels
from trainers.evaluate import evaluate
from trainers.loop import Training
from trainers.place import Place, default_device
from trainers.recalibrate import recalibrate
from trainers.recipe import ProxyRecipe
from trainers.rung_score import RungScore
from trainers.schedule import epoch_batches, mixed

SCORED_AT_ONCE = 4
"""Size of a scoring batch in training batches. Scoring keeps no activations, so at this size it needs no more memory
than training, also after a retry with a smaller batch."""


@dataclass(frozen=True, slots=True, eq=False)
class ProxyData:
    """The images of all trials, put into Ray's object store once; all actors of a node read them there.

    Pictures are held as bytes: one at 224 px takes 147 KiB, 10,000 of them 1.4 GiB, once for each node.

    Attributes:
        train_images: [N, C, H, W]; uint8 when they were read from files, else float32, normalised.
        train_labels: [N] int64.
        holdout_images: [M, C, H, W], likewise; a part of the dataset's *training* images that no weight is fitted to.
        holdout_labels: [M] int64.
        shift: augmentation's largest move in pixels.
        flip: whether augmentation mirrors.
        normalisation: of uint8 images, wherever they are needed.
    """

    train_images: Tensor
    train_labels: Tensor
    holdout_images: Tensor
    holdout_labels: Tensor
    shift: int
    flip: bool
    normalisation: Normalisation = UNCHANGED

    def train(self) -> TensorSplit:
        """The images that a trial trains on."""
        return TensorSplit(self.train_images, self.train_labels, self.shift, self.flip, self.normalisation)

    def holdout(self) -> TensorSplit:
        """The images that a trial is scored on."""
        return TensorSplit(self.holdout_images, self.holdout_labels, normalisation=self.normalisation)

    @property
    def nbytes(self) -> int:
        """What the images take of memory."""
        return self.train_images.nbytes + self.holdout_images.nbytes

    def __getstate__(self) -> dict[str, Any]:
        """Arrays in place of tensors: pickled beside the stream, they are read where the object store holds them."""
        return {
            field.name: value.numpy() if isinstance(value := getattr(self, field.name), Tensor) else value
            for field in fields(self)
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        with warnings.catch_warnings():
            # They cannot be written, and never are: batches are copies.
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            for name, value in state.items():
                object.__setattr__(self, name, torch.from_numpy(value) if isinstance(value, np.ndarray) else value)


def proxy_data(splits: Splits, recipe: ProxyRecipe, seed: int) -> ProxyData:
    """Collect the images that trials use, within the recipe's limits; files are read and decoded here, once."""
    in_memory = splits.train if isinstance(splits.train, TensorSplit) else None
    train = _kept(splits.train, recipe.train_limit, seed, lenient=True)
    holdout = _kept(splits.holdout, recipe.holdout_limit, seed, lenient=False)
    return ProxyData(
        train_images=train.images,
        train_labels=train.labels,
        holdout_images=holdout.images,
        holdout_labels=holdout.labels,
        shift=in_memory.shift if in_memory else max(1, splits.info.input_size[1] // 16),
        flip=in_memory.flip if in_memory else True,
        normalisation=train.normalisation,
    )


def proxy_rungs(
    model: nn.Module,
    data: ProxyData,
    recipe: ProxyRecipe,
    *,
    seed: int,
    device: torch.device | None = None,
    output: str | None = None,
) -> Iterator[RungScore]:
    """Train a model and score it at each rung; a caller may stop at any rung.

    The same model, data, recipe, seed, device and number of torch threads give the same scores.

    Args:
        model: is trained in place.
        data: the images of all trials.
        recipe: how to train, and when to score.
        seed: decides order, augmentation and whatever the model draws by chance.
        device: None takes the GPU if there is one.
        output: the logits in what the model returns.

    Yields:
        The score at each rung.

    Raises:
        DivergedError: the training loss is not a finite number.
    """
    place = Place(device or default_device())
    model.to(place.device)
    train, holdout = data.train().to(place.device), data.holdout().to(place.device)
    recalibrate(model, _recalibration_images(train, recipe, seed, place))
    for epochs in _epochs(model, train, recipe, seed, place, output):
        if epochs in recipe.rungs:
            batch_size = SCORED_AT_ONCE * recipe.batch_size
            score = evaluate(model, holdout, place=place, batch_size=batch_size, output=output)
            yield RungScore(recipe.rungs.index(epochs), epochs, score.accuracy, score.loss)


def _epochs(
    model: nn.Module, train: TensorSplit, recipe: ProxyRecipe, seed: int, place: Place, output: str | None
) -> Iterator[int]:
    """The number of epochs trained so far, from 0."""
    yield 0
    if recipe.rungs[-1] > 0:
        training = Training(model, train, recipe.training(), seed=seed, place=place, output=output)
        yield from (trained.epoch for trained in training.epochs())


def _recalibration_images(train: TensorSplit, recipe: ProxyRecipe, seed: int, place: Place) -> Iterator[Tensor]:
    order = epoch_batches(len(train), recipe.batch_size, seed=mixed(seed, 1), epoch=0)
    chosen = order[: recipe.recalibration_batches]
    return (images for images, _ in train.batches(chosen, place=place, augment=False, seed=0))


def _limited(split: Split, limit: int | None, seed: int) -> Tensor:
    """Indices of at most `limit` images, with the classes in the proportions of the split."""
    if limit is None or limit >= len(split):
        return torch.arange(len(split))
    chosen = stratified_holdout(split.labels.numpy(), fraction=limit / len(split), seed=seed).holdout
    # Rounding within classes can take a few too many.
    order = torch.randperm(len(chosen), generator=torch.Generator().manual_seed(seed))
    return torch.from_numpy(chosen)[order[:limit]].sort().values


def _kept(split: Split, limit: int | None, seed: int, *, lenient: bool) -> Pixels:
    """At most `limit` images, read by all readers, which then are let go: trials need no more than these.

    What cannot be read is left out of training images, and an error among those that are scored.
    """
    try:
        return split.pixels_at(_limited(split, limit, seed), lenient=lenient)
    finally:
        split.close()
