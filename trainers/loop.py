"""The one training loop: base models, proxies and fine-tunes, in one process, under torchrun or under Ray Train.

Order and pixels are drawn from (seed, epoch), so any number of workers trains on the same images; what the model draws
(dropout) from (seed, epoch, rank). A run that continues from a saved state takes the same steps as one that was never
interrupted.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainers.datasets.base import Batch, Split
from trainers.ema import Average
from trainers.errors import DivergedError, RecipeError
from trainers.microbatch import found_micro_batch, may_run_out
from trainers.mixing import Mixed, Mixing, mix
from trainers.objective import Objective
from trainers.optimizer import make_optimizer
from trainers.place import Place, computes_in_bf16
from trainers.progress import Standing
from trainers.recipe import Recipe
from trainers.running_out import named
from trainers.schedule import Rates, epoch_batches, mixed, per_worker, steps_per_epoch
from trainers.stepping import Stepper
from trainers.teacher import Teacher
from trainers.waiting import Waits
from trainers.wrapping import gpus_of, memory_format, prepared, wrapped

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
        images_per_s: trained on by all workers together, since the epoch was last continued.
        waiting: share of that time in which this worker's device waited for images.
    """

    epoch: int
    train_loss: float
    lr: float
    wall_s: float
    images_per_s: float
    waiting: float


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
        micro_batch: images of one pass of this worker; None as long as it is open, and where it takes its whole share.
        average: of the weights, if the recipe wants one.
        recipe: as it is carried out on this device.
    """

    def __init__(
        self,
        model: nn.Module,
        split: Split,
        recipe: Recipe,
        *,
        seed: int,
        place: Place,
        output: str | None = None,
        teacher: nn.Module | None = None,
    ) -> None:
        """Move the model to its device and wrap it.

        Args:
            model: what to train.
            split: the images to train on.
            recipe: how to train.
            seed: decides order, augmentation and whatever the model draws by chance.
            place: this worker.
            output: the only head that is trained; None trains all heads, see `pruning.outputs.heads_of`.
            teacher: the unpruned model, for a recipe with distillation.

        Raises:
            RecipeError: the recipe cannot be carried out on this device.
        """
        self.recipe = recipe = recipe.resolved(gpu=place.device.type == "cuda", bf16=computes_in_bf16(place.device))
        prepared(model, recipe, place)
        self.model = model
        self.optimizer = make_optimizer(model, recipe)
        self.device, self.world = place.device, place.world
        self.epochs_done, self.within = 0, self._nothing(place)
        self.steps_per_epoch = steps_per_epoch(len(split), recipe.batch_size, place.world)
        self.micro_batch = recipe.micro_batch
        self.average = None if recipe.ema is None else Average(model, recipe.ema)
        self._memory_format = memory_format(recipe, place)
        self._split, self._seed, self._place = split.to(place.device), seed, place
        self._mixing = Mixing(recipe.mixup, recipe.cutmix)
        self._rates = Rates.of(recipe, self.steps_per_epoch)
        self._stepper = self._make_stepper(split, output, teacher)

    def _make_stepper(self, split: Split, output: str | None, teacher: nn.Module | None) -> Stepper:
        recipe, place = self.recipe, self._place
        forward = wrapped(self.model, recipe, place, output, split)
        taught = None
        if recipe.distill is not None:
            if teacher is None:
                raise RecipeError("distill is set, but no unpruned model is given to learn from")
            taught = Teacher(teacher, recipe, place, output)
        objective = Objective(forward, recipe, place.device, taught)
        recomputes = recipe.checkpointing
        return Stepper(forward, self.optimizer, objective, grad_clip=recipe.grad_clip, recomputes=recomputes)

    def limit_passes(self, images: int | None) -> None:
        """Let no pass have more images than so many; None changes nothing."""
        if images is not None:
            self.micro_batch = min(images, self.micro_batch or images)

    def exported(self) -> AbstractContextManager[None]:
        """Within a block, the model holds the weights that the recipe exports."""
        return self.average.in_place() if self.average is not None and self.recipe.export_ema else nullcontext()

    def epochs(self, on_check: OnCheck | None = None) -> Iterator[EpochTrained]:
        """Train the epochs that are left, one per value taken.

        Args:
            on_check: see `OnCheck`; the state may be saved there. It is first called after the first step.

        Yields:
            Each epoch, after it was trained.

        Raises:
            DivergedError: the training loss is not a finite number.
            RanOutError: a GPU's memory ran out in a step; of this worker alone, so the others wait for it.
        """
        while self.epochs_done < self.recipe.epochs:
            with named(lambda: self.micro_batch or per_worker(self.recipe.batch_size, self.world)):
                trained = self._epoch(on_check)
            yield trained

    def chance(self) -> Tensor:
        """The state of the generators that the model draws from, as bytes."""
        parts = [torch.get_rng_state()]
        if self.device.type == "cuda":
            parts.append(torch.cuda.get_rng_state(self.device))
        return torch.cat(parts)

    def _epoch(self, on_check: OnCheck | None) -> EpochTrained:
        began, within, lr = time.perf_counter(), self.within, 0.0
        waits = Waits(self.device)
        before, next_check = within.steps, within.steps + (CHECK_STEPS if on_check is None else 1)
        self.model.train()
        with torch.random.fork_rng(devices=gpus_of(self.device)):
            self._begin_to_draw(within.chance)
            for images, labels in waits.through(self._batches(self.epochs_done, within.steps)):
                step = self.epochs_done * self.steps_per_epoch + within.steps
                lr = self._rates.at(step)
                within.loss += self._step(images, labels, lr)
                if self.average is not None:
                    self.average.update(step)
                within.steps += 1
                if within.steps == next_check and within.steps < self.steps_per_epoch:
                    loss, speed = self._mean_loss(lr), self._speed(waits, within.steps - before, began)
                    standing = self._standing(loss, within.wall_s + time.perf_counter() - began, speed)
                    next_check += CHECK_STEPS if on_check is None else min(CHECK_STEPS, max(1, on_check(standing)))
        loss, speed = self._mean_loss(lr), self._speed(waits, within.steps - before, began)
        self.epochs_done, self.within = self.epochs_done + 1, self._nothing(self._place)
        wall_s = within.wall_s + time.perf_counter() - began
        return EpochTrained(self.epochs_done, loss, lr, wall_s, speed.images_per_s, speed.waiting)

    def _speed(self, waits: Waits, steps: int, began: float) -> "_Speed":
        """Since the epoch was begun or continued; to be asked once the device has nothing left to do."""
        wall_s = time.perf_counter() - began
        images = steps * per_worker(self.recipe.batch_size, self.world) * self.world
        return _Speed(images / wall_s, min(1.0, waits.seconds() / wall_s))

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
        recipe = self.recipe
        order = epoch_batches(
            len(self._split),
            recipe.batch_size,
            seed=self._seed,
            epoch=epoch,
            world=self._place.world,
            repeats=recipe.repeated_augmentation,
        )
        return self._split.batches(
            order,
            place=self._place,
            augment=recipe.augmentation(),
            seed=self._pixel_seed(epoch),
            first=first,
            lenient=True,
        )

    def _pixel_seed(self, epoch: int) -> int:
        """What decides the augmentation: not the rank, so that any number of workers sees the same pixels."""
        return mixed(self._seed, epoch, 0)

    def _step(self, images: Tensor, labels: Tensor, lr: float) -> Tensor:
        """Take one step of the optimiser; returns the batch's mean loss, still on the device."""
        images = images.to(memory_format=self._memory_format)
        batch = Mixed(images, labels, labels, 1.0)
        if self._mixing:
            epoch, step = self.epochs_done, self.within.steps
            batch = mix(images, labels, self._mixing, seed=self._seed, epoch=epoch, step=step)
        if self.micro_batch is None and may_run_out(self.device):
            self.micro_batch = found_micro_batch(self._stepper, self.model, batch, self._place)
        return self._stepper.take(batch, lr, self.micro_batch or len(images))

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
                f"lower lr (now {self.recipe.lr:g}), lengthen warmup_epochs or set grad_clip"
            )
        return mean

    def _standing(self, loss: float, wall_s: float, speed: "_Speed") -> Standing:
        return Standing(
            epoch=self.epochs_done + 1,
            epochs=self.recipe.epochs,
            step=self.within.steps,
            steps=self.steps_per_epoch,
            loss=loss,
            wall_s=wall_s,
            images_per_s=speed.images_per_s,
            waiting=speed.waiting,
        )


@dataclass(frozen=True, slots=True)
class _Speed:
    """Images a second of all workers, and the share of the time in which this one's device waited for them."""

    images_per_s: float
    waiting: float
