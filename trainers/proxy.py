"""A trial's score: recalibrate, train a few short epochs, score the holdout at each rung."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainers.datasets.base import Split, Splits
from trainers.datasets.holdout import stratified_holdout
from trainers.datasets.memory import TensorSplit
from trainers.evaluate import evaluate
from trainers.loop import Training
from trainers.place import Place, default_device
from trainers.recalibrate import recalibrate
from trainers.recipe import ProxyRecipe
from trainers.schedule import epoch_batches, mixed

SCORED_AT_ONCE = 4
"""Size of a scoring batch in training batches. Scoring keeps no activations, so at this size it needs no more memory
than training, also after a retry with a smaller batch."""


@dataclass(frozen=True, slots=True, eq=False)
class ProxyData:
    """The images of all trials, put into Ray's object store once.

    Attributes:
        train_images: [N, C, H, W] normalised; float16 when they were read from files, else float32.
        train_labels: [N] int64.
        holdout_images: [M, C, H, W], likewise; a part of the dataset's *training* images that no weight is fitted to.
        holdout_labels: [M] int64.
        shift: augmentation's largest move in pixels.
        flip: whether augmentation mirrors.
    """

    train_images: Tensor
    train_labels: Tensor
    holdout_images: Tensor
    holdout_labels: Tensor
    shift: int
    flip: bool

    def train(self) -> TensorSplit:
        """The images that a trial trains on."""
        return TensorSplit(self.train_images, self.train_labels, shift=self.shift, flip=self.flip)

    def holdout(self) -> TensorSplit:
        """The images that a trial is scored on."""
        return TensorSplit(self.holdout_images, self.holdout_labels)


@dataclass(frozen=True, slots=True)
class RungScore:
    """One score of a trial.

    Attributes:
        rung: counted from 0.
        epochs: trained so far.
        accuracy: top-1 on the holdout, 0…1.
        loss: mean cross-entropy on the holdout, in nats.
    """

    rung: int
    epochs: int
    accuracy: float
    loss: float


def proxy_data(splits: Splits, recipe: ProxyRecipe, seed: int) -> ProxyData:
    """Collect the images that trials use, within the recipe's limits; files are read and decoded here, once."""
    train, holdout = _limited(splits.train, recipe.train_limit, seed), splits.holdout
    kept = _limited(holdout, recipe.holdout_limit, seed)
    in_memory = splits.train if isinstance(splits.train, TensorSplit) else None
    train_images, train_labels = _read(splits.train, train, lenient=True)
    holdout_images, holdout_labels = _read(holdout, kept, lenient=False)
    return ProxyData(
        train_images=train_images,
        train_labels=train_labels,
        holdout_images=holdout_images,
        holdout_labels=holdout_labels,
        shift=in_memory.shift if in_memory else max(1, splits.info.input_size[1] // 16),
        flip=in_memory.flip if in_memory else True,
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


def _read(split: Split, indices: Tensor, *, lenient: bool) -> tuple[Tensor, Tensor]:
    """Images and labels at these indices; files in half precision: half the memory, and finer than their 8 bits.

    What cannot be read is left out of training images, and an error among those that are scored.
    """
    if isinstance(split, TensorSplit):
        return split.pixels[indices], split.labels[indices]
    place = Place(torch.device("cpu"))
    batches = split.batches(indices.split(256), place=place, augment=False, seed=0, lenient=lenient)
    images, labels = zip(*((images.half(), labels) for images, labels in batches), strict=True)
    return torch.cat(images), torch.cat(labels)
