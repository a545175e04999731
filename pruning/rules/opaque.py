"""What has no rule: every axis that it touches stays whole, and the rest of the model stays prunable.

The plan's proof still compares the operation's result in a sliced model with the whole one's.
"""

from collections.abc import Iterable, Iterator

import torch

from pruning.rules.registry import Call, Walk


def opaque(walk: Walk, call: Call, why: str = "no rule follows this operation") -> None:
    """Fix all dimensions of the operation's inputs and outputs."""
    for tensor in _tensors(call.args.values()):
        for axis in walk.dims(tensor):
            walk.axes.fix(axis, why)
    for tensor in _tensors([call.out]):
        walk.label(tensor, [walk.axes.fixed(n, why) for n in tensor.shape])


def _tensors(values: Iterable[object]) -> Iterator[torch.Tensor]:
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)
