"""An exponential moving average of a model's weights and buffers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """The average of a model that is being trained. It can stand in the model's place, to be scored or saved.

    The first steps count for more: after n of them the decay is at most (1 + n) / (10 + n), as TensorFlow's
    ExponentialMovingAverage has it; otherwise a short training would average mostly the weights that it began with.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._model, self._decay = model, decay
        self._own = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step, counted from 0 over the whole training."""
        theirs = self._model.state_dict()
        decay = min(self._decay, (1 + step) / (10 + step))
        floats = [name for name, value in self._own.items() if value.is_floating_point()]
        # One call for all of them: a call each would take longer than a small model's step.
        torch._foreach_lerp_([self._own[name] for name in floats], [theirs[name] for name in floats], 1 - decay)
        for name in self._own.keys() - set(floats):
            self._own[name].copy_(theirs[name])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within a block, the model holds the average."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        swapped: set[int] = set()
        for name, value in self._model.state_dict().items():
            # Tied weights have several names: swapped under each of them, they would come back as they were.
            if value.numel() and value.data_ptr() in swapped:
                continue
            swapped.add(value.data_ptr())
            kept = value.clone()
            value.copy_(self._own[name])
            self._own[name].copy_(kept)

    def state(self) -> Mapping[str, Tensor]:
        """The average by the names of the model's state."""
        return self._own

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Set the average to a state that was saved."""
        for name, value in self._own.items():
            value.copy_(tensors[name])
