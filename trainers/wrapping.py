"""What stands around a model while it is trained: its heads, torch.compile, DDP, and layers that a recipe changes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pruning.outputs import heads_of
from trainers.datasets.base import Split
from trainers.errors import RecipeError
from trainers.place import Place
from trainers.recipe import Recipe


def prepared(model: nn.Module, recipe: Recipe, place: Place) -> None:
    """Put the model on its device, and change its layers as a recipe asks.

    Args:
        model: is changed in place.
        recipe: resolved.
        place: this worker.

    Raises:
        RecipeError: the model or the device cannot do it.
    """
    model.to(place.device).to(memory_format=memory_format(recipe, place))
    if recipe.checkpointing:
        _recompute(model)
    if recipe.sync_batch_norm:
        if place.device.type != "cuda":
            raise RecipeError("sync_batch_norm = True works on GPUs only: leave it out, or train on GPUs")
        nn.SyncBatchNorm.convert_sync_batchnorm(model)


def memory_format(recipe: Recipe, place: Place) -> torch.memory_format:
    """The format of images and weights.

    Raises:
        RecipeError: the device cannot train in it.
    """
    if not recipe.channels_last:
        return torch.contiguous_format
    if place.device.type == "cpu":
        # Heap corruption or silently wrong gradients: see trainers.datasets.memory.row_major.
        raise RecipeError(
            "channels_last = True cannot train on a CPU: its gradients of strided 1×1 convolutions with few "
            "channels are wrong there (oneDNN issue 6035): leave it out, or train on a GPU"
        )
    return torch.channels_last


def _recompute(model: nn.Module) -> None:
    """Make a model of timm's compute activations again in the backward pass instead of keeping them."""
    switch = getattr(model, "set_grad_checkpointing", None)
    if not callable(switch):
        raise RecipeError(
            f"checkpointing = True cannot be used: a {type(model).__name__} has no `set_grad_checkpointing`, as most "
            "models of timm have. Leave it out; smaller passes (micro_batch) save memory, too"
        )
    try:
        switch(enable=True)
    except (AssertionError, NotImplementedError, TypeError) as error:
        raise RecipeError(
            f"checkpointing = True cannot be used: {type(model).__name__} does not support it "
            f"({error or type(error).__name__}). Leave it out; smaller passes (micro_batch) save memory, too"
        ) from error


def wrapped(model: nn.Module, recipe: Recipe, place: Place, output: str | None, split: Split) -> nn.Module:
    """The model as it is trained: only its heads, compiled and under DDP where that is wanted.

    Args:
        model: on its device.
        recipe: says whether it is compiled.
        place: this worker.
        output: the only head that is trained; None trains all.
        split: has images by which idle weights are found.
    """
    inner = cast(nn.Module, torch.compile(model)) if recipe.compile else model
    heads = _Heads(inner, output)
    if place.world == 1:
        return heads
    # The first image that can be read, twice: BatchNorm trains on no single one.
    twice = [torch.zeros(2, dtype=torch.int64)]
    images, _ = next(iter(split.batches(twice, place=Place(place.device), augment=False, seed=0, lenient=True)))
    return DistributedDataParallel(heads, find_unused_parameters=_some_idle(_Heads(model, output), images))


class _Heads(nn.Module):
    """The heads of a model that are trained: DDP waits for the gradient of every tensor that it sees returned."""

    def __init__(self, model: nn.Module, output: str | None) -> None:
        super().__init__()
        self.model, self.output = model, output

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(heads_of(self.model(images), self.output))


def _some_idle(heads: _Heads, images: Tensor) -> bool:
    """Whether no head depends on some weights, as those of an output that is not trained: DDP would wait for them.

    Training and evaluation are both tried: a layer may take part in one of them only.
    """
    trained = [parameter for parameter in heads.parameters() if parameter.requires_grad]
    with torch.random.fork_rng(devices=gpus_of(images.device)), kept_buffers(heads):
        for mode in (False, True):
            total = torch.stack([head.float().sum() for head in heads.train(mode)(images)]).sum()
            if any(grad is None for grad in torch.autograd.grad(total, trained, allow_unused=True)):
                return True
    return False


@contextmanager
def kept_buffers(model: nn.Module) -> Iterator[None]:
    """Put every buffer back as it was when the block ends."""
    buffers = list(model.buffers())
    before = [buffer.clone() for buffer in buffers]
    yield
    with torch.no_grad():
        for buffer, value in zip(buffers, before, strict=True):
            buffer.copy_(value)


def gpus_of(device: torch.device) -> list[torch.device]:
    """The device if it is a GPU: those whose random generators are kept apart."""
    return [device] if device.type == "cuda" else []
