"""What stands around a model while it is trained: its heads, torch.compile, and DDP where there are several workers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pruning.outputs import heads_of
from trainers.datasets.base import Split
from trainers.place import Place
from trainers.recipe import Recipe


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
    with torch.random.fork_rng(devices=gpus_of(images.device)), _kept_buffers(heads):
        for mode in (False, True):
            total = torch.stack([head.float().sum() for head in heads.train(mode)(images)]).sum()
            if any(grad is None for grad in torch.autograd.grad(total, trained, allow_unused=True)):
                return True
    return False


@contextmanager
def _kept_buffers(model: nn.Module) -> Iterator[None]:
    """Put every buffer back as it was when the block ends."""
    before = [(buffer, buffer.clone()) for buffer in model.buffers()]
    yield
    for buffer, value in before:
        buffer.copy_(value)


def gpus_of(device: torch.device) -> list[torch.device]:
    """The device if it is a GPU: those whose random generators are kept apart."""
    return [device] if device.type == "cuda" else []
