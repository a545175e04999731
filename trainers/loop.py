"""The one training loop: base models, proxies and fine-tunes, in one process, under torchrun or under Ray Train.

Everything random is drawn from (seed, epoch, rank), so a run that continues from the state saved after an epoch takes
the same steps as one that was never interrupted.
"""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pruning.outputs import heads_of
from trainers.datasets.base import Split
from trainers.errors import DivergedError, RecipeError
from trainers.place import Place
from trainers.recipe import OptimizerName, Precision, Recipe
from trainers.schedule import epoch_batches, lr_at, mixed, steps_per_epoch


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
        self.epochs_done = 0
        self._memory_format = memory_format
        self._split, self._recipe, self._seed, self._place = split.to(place.device), recipe, seed, place
        self._steps = steps_per_epoch(len(split), recipe.batch_size, place.world)
        self._forward = _wrapped(self.model, recipe, place, output, split)

    def epochs(self) -> Iterator[EpochTrained]:
        """Train the epochs that are left, one per value taken.

        Yields:
            Each epoch, after it was trained.

        Raises:
            DivergedError: the training loss is not a finite number.
        """
        while self.epochs_done < self._recipe.epochs:
            yield self._epoch()

    def _epoch(self) -> EpochTrained:
        began = time.perf_counter()
        epoch, place = self.epochs_done, self._place
        own_seed = mixed(self._seed, epoch, place.rank)
        self.model.train()
        loss = torch.zeros((), dtype=torch.float64, device=place.device)  # on the device: no step waits for it
        lr = 0.0
        with torch.random.fork_rng(devices=_gpus(place.device)):
            torch.manual_seed(own_seed)  # dropout and stochastic depth
            for step, (images, labels) in enumerate(self._batches(epoch, own_seed)):
                lr = self._lr(epoch * self._steps + step)
                loss += self._step(images, labels, lr)
        self.epochs_done += 1
        return self._finished(loss, lr, time.perf_counter() - began)

    def _batches(self, epoch: int, own_seed: int) -> Iterable[tuple[Tensor, Tensor]]:
        batches = epoch_batches(
            len(self._split),
            self._recipe.batch_size,
            seed=self._seed,
            epoch=epoch,
            rank=self._place.rank,
            world=self._place.world,
        )
        return self._split.batches(batches, device=self._place.device, augment=self._recipe.augment, seed=own_seed)

    def _lr(self, step: int) -> float:
        return lr_at(
            step,
            steps=self._steps * self._recipe.epochs,
            warmup=round(self._steps * self._recipe.warmup_epochs),
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

    def _finished(self, loss: Tensor, lr: float, wall_s: float) -> EpochTrained:
        mean = self._place.all_reduce([float(loss) / self._steps])[0] / self._place.world
        if not math.isfinite(mean):
            raise DivergedError(
                f"the training loss is {mean} in epoch {self.epochs_done}, at a learning rate of {lr:.3g}: "
                f"lower lr (now {self._recipe.lr:g}), lengthen warmup_epochs or set grad_clip"
            )
        return EpochTrained(self.epochs_done, mean, lr, wall_s)


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Make SGD or AdamW, with weight decay on weights of two or more dimensions only."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if recipe.optimizer is OptimizerName.ADAMW:
        return torch.optim.AdamW(groups, lr=recipe.lr, betas=(recipe.momentum, 0.999), fused=True)
    return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.nesterov, fused=True)


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


class _Heads(nn.Module):
    """The heads of a model that are trained: DDP waits for the gradient of every tensor that it sees returned."""

    def __init__(self, model: nn.Module, output: str | None) -> None:
        super().__init__()
        self.model, self.output = model, output

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(heads_of(self.model(images), self.output))


def _wrapped(model: nn.Module, recipe: Recipe, place: Place, output: str | None, split: Split) -> nn.Module:
    inner = cast(nn.Module, torch.compile(model)) if recipe.compile else model
    heads = _Heads(inner, output)
    if place.world == 1:
        return heads
    image = split.images(torch.zeros(1, dtype=torch.int64)).to(place.device)
    return DistributedDataParallel(heads, find_unused_parameters=_some_idle(_Heads(model, output), image))


def _some_idle(heads: _Heads, image: Tensor) -> bool:
    """Whether no head depends on some weights, as those of an output that is not trained: DDP would wait for them."""
    trained = [parameter for parameter in heads.parameters() if parameter.requires_grad]
    total = torch.stack([head.float().sum() for head in heads.eval()(image)]).sum()
    return any(grad is None for grad in torch.autograd.grad(total, trained, allow_unused=True))


def _loss(heads: Sequence[Tensor], labels: Tensor, smoothing: float) -> Tensor:
    losses = [F.cross_entropy(head.float(), labels, label_smoothing=smoothing) for head in heads]
    return torch.stack(losses).mean()


def _gpus(device: torch.device) -> list[torch.device]:
    return [device] if device.type == "cuda" else []
