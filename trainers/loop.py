"""The one training loop: base models, proxies and fine-tunes, in one process, under torchrun or under Ray Train.

Order and pixels are drawn from (seed, epoch), so any number of workers trains on the same images; what the model draws
(dropout) from (seed, epoch, rank). A run that continues from a saved state takes the same steps as one that was never
interrupted.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainers.datasets.base import Batch, Split
from trainers.errors import DivergedError, RecipeError
from trainers.optimizer import make_optimizer
from trainers.place import Place
from trainers.progress import Standing
from trainers.recipe import Precision, Recipe
from trainers.schedule import epoch_batches, lr_at, mixed, per_worker, steps_per_epoch
from trainers.wrapping import gpus_of, wrapped

CHECK_STEPS = 50
"""At most so many steps are taken before the loss is looked at: a training that has diverged ends there."""

OnCheck = Callable[[Standing], int]
"""Called by all workers between two steps of an epoch; returns after how many more it is called again, alike in all."""


@dataclass(slots=True)
class Within:
    """How far an epoch has got on this worker.

    Attributes:
        steps: taken so far.
        loss: sum of their mean losses, float64; on the device, so that no step waits for it.
        chance: state of the generators that the model draws from; None before the first step.
        wall_s: seconds that earlier parts of this epoch took, if it was interrupted.
    """

    steps: int
    loss: Tensor
    chance: Tensor | None = None
    wall_s: float = 0.0


@dataclass(frozen=True, slots=True)
class EpochTrained:
    """One pass over the training images.

    Attributes:
        epoch: counted from 1.
        train_loss: mean over all workers' images, with label smoothing as trained.
        lr: learning rate of the last step.
        wall_s: seconds this worker took.
    """

    epoch: int
    train_loss: float
    lr: float
    wall_s: float


class Training:
    """A model, its optimiser and how far its schedule has got.

    The module is trained in place; its wrappers (DDP, torch.compile) are not seen outside.

    Attributes:
        model: the module itself, without wrappers.
        optimizer: of its weights.
        device: where it computes.
        world: how many workers train together.
        epochs_done: epochs trained so far; set it to continue a training.
        within: how far the next epoch has got; set it to continue within one.
        steps_per_epoch: steps of each epoch.
    """

    def __init__(
        self, model: nn.Module, split: Split, recipe: Recipe, *, seed: int, place: Place, output: str | None = None
    ) -> None:
        """Move the model to its device and wrap it.

        Args:
            model: what to train.
            split: the images to train on.
            recipe: how to train.
            seed: decides order, augmentation and whatever the model draws by chance.
            place: this worker.
            output: the only head that is trained; None trains all heads, see `pruning.outputs.heads_of`.

        Raises:
            RecipeError: the recipe cannot be carried out on this device.
        """
        memory_format = _memory_format(recipe, place)
        self.model = model.to(place.device).to(memory_format=memory_format)
        self.optimizer = make_optimizer(model, recipe)
        self.device, self.world = place.device, place.world
        self.epochs_done, self.within = 0, self._nothing(place)
        self.steps_per_epoch = steps_per_epoch(len(split), recipe.batch_size, place.world)
        self._memory_format = memory_format
        self._split, self._recipe, self._seed, self._place = split.to(place.device), recipe, seed, place
        self._forward = wrapped(self.model, recipe, place, output, split)

    def epochs(self, on_check: OnCheck | None = None) -> Iterator[EpochTrained]:
        """Train the epochs that are left, one per value taken.

        Args:
            on_check: see `OnCheck`; the state may be saved there. It is first called after the first step.

        Yields:
            Each epoch, after it was trained.

        Raises:
            DivergedError: the training loss is not a finite number.
        """
        while self.epochs_done < self._recipe.epochs:
            yield self._epoch(on_check)

    def chance(self) -> Tensor:
        """The state of the generators that the model draws from, as bytes."""
        parts = [torch.get_rng_state()]
        if self.device.type == "cuda":
            parts.append(torch.cuda.get_rng_state(self.device))
        return torch.cat(parts)

    def _epoch(self, on_check: OnCheck | None) -> EpochTrained:
        began, within, lr = time.perf_counter(), self.within, 0.0
        before, next_check = within.steps, within.steps + (CHECK_STEPS if on_check is None else 1)
        self.model.train()
        with torch.random.fork_rng(devices=gpus_of(self.device)):
            self._begin_to_draw(within.chance)
            for images, labels in self._batches(self.epochs_done, within.steps):
                lr = self._lr(self.epochs_done * self.steps_per_epoch + within.steps)
                within.loss += self._step(images, labels, lr)
                within.steps += 1
                if within.steps == next_check and within.steps < self.steps_per_epoch:
                    loss, wall_s = self._mean_loss(lr), time.perf_counter() - began
                    standing = self._standing(loss, within.wall_s + wall_s, (within.steps - before) / wall_s)
                    next_check += CHECK_STEPS if on_check is None else min(CHECK_STEPS, max(1, on_check(standing)))
        loss = self._mean_loss(lr)
        self.epochs_done, self.within = self.epochs_done + 1, self._nothing(self._place)
        return EpochTrained(self.epochs_done, loss, lr, within.wall_s + time.perf_counter() - began)

    @staticmethod
    def _nothing(place: Place) -> Within:
        return Within(0, torch.zeros((), dtype=torch.float64, device=place.device))

    def _begin_to_draw(self, chance: Tensor | None) -> None:
        """Seed what dropout and stochastic depth draw from, or set it to where it was."""
        if chance is None:
            torch.manual_seed(mixed(self._seed, self.epochs_done, self._place.rank))
            return
        ours = len(torch.get_rng_state())
        # Copies: torch reads a state from the start of its tensor's memory, wherever in it a view begins, and crashes.
        torch.set_rng_state(chance[:ours].clone())
        if self.device.type == "cuda" and len(chance) > ours:
            torch.cuda.set_rng_state(chance[ours:].clone(), self.device)

    def _batches(self, epoch: int, first: int) -> Iterator[Batch]:
        order = epoch_batches(
            len(self._split), self._recipe.batch_size, seed=self._seed, epoch=epoch, world=self._place.world
        )
        return self._split.batches(
            order,
            place=self._place,
            augment=self._recipe.augment,
            seed=self._pixel_seed(epoch),
            first=first,
            lenient=True,
        )

    def _pixel_seed(self, epoch: int) -> int:
        """What decides the augmentation: not the rank, so that any number of workers sees the same pixels."""
        return mixed(self._seed, epoch, 0)

    def _lr(self, step: int) -> float:
        return lr_at(
            step,
            steps=self.steps_per_epoch * self._recipe.epochs,
            warmup=round(self.steps_per_epoch * self._recipe.warmup_epochs),
            peak=self._recipe.lr,
        )

    def _step(self, images: Tensor, labels: Tensor, lr: float) -> Tensor:
        """Take one step of the optimiser; returns the batch's mean loss, still on the device."""
        recipe = self._recipe
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        images = images.to(memory_format=self._memory_format)
        with torch.autocast(self._place.device.type, dtype=torch.bfloat16, enabled=recipe.precision is Precision.BF16):
            loss = _loss(self._forward(images), labels, recipe.label_smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if recipe.grad_clip is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), recipe.grad_clip)
        self.optimizer.step()
        return loss.detach()

    def _mean_loss(self, lr: float) -> float:
        """The mean of the epoch's steps so far over all workers.

        Raises:
            DivergedError: it is not a finite number; all workers raise it.
        """
        mean = self._place.mean(float(self.within.loss) / self.within.steps)
        if not math.isfinite(mean):
            raise DivergedError(
                f"the training loss is {mean} in epoch {self.epochs_done + 1} after step {self.within.steps} of "
                f"{self.steps_per_epoch}, at a learning rate of {lr:.3g}: "
                f"lower lr (now {self._recipe.lr:g}), lengthen warmup_epochs or set grad_clip"
            )
        return mean

    def _standing(self, loss: float, wall_s: float, steps_per_s: float) -> Standing:
        return Standing(
            epoch=self.epochs_done + 1,
            epochs=self._recipe.epochs,
            step=self.within.steps,
            steps=self.steps_per_epoch,
            loss=loss,
            wall_s=wall_s,
            images_per_s=steps_per_s * per_worker(self._recipe.batch_size, self.world) * self.world,
        )


def _memory_format(recipe: Recipe, place: Place) -> torch.memory_format:
    if not recipe.channels_last:
        return torch.contiguous_format
    if place.device.type == "cpu":
        # Heap corruption or silently wrong gradients: see trainers.datasets.memory.row_major.
        raise RecipeError(
            "channels_last = True cannot train on a CPU: its gradients of strided 1×1 convolutions with few "
            "channels are wrong there (oneDNN issue 6035): leave it out, or train on a GPU"
        )
    return torch.channels_last


def _loss(heads: Sequence[Tensor], labels: Tensor, smoothing: float) -> Tensor:
    losses = [F.cross_entropy(head.float(), labels, label_smoothing=smoothing) for head in heads]
    return torch.stack(losses).mean()
