"""Three ways to catch a plan that is wrong, in float64 on random weights.

* **Permutation.** Reordering the units of every group along the owner maps leaves the output as it was.
* **Permutation of a sliced model.** The same of what is left after a cut. What is bound to a place in the *cut*
  tensors, as `x[:, :4]`, only shows here.
* **Rubbish** in the place of what is cut, after every operation: see `pruning.rubbish`.

The first two know nothing but the plan's owner maps; the third also reads what the plan says of every tensor. Weights,
biases and statistics are random, so nothing hides behind a zero or a one. Every tensor that the model returns is
compared, however nested.
"""

import contextlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import nn

from pruning.cloning import clone_structure
from pruning.following import unfuse_attention
from pruning.outputs import tensors_of
from pruning.plan import Plan
from pruning.rubbish import difference, rubbish_error
from pruning.slicing import Selection, slice_model
from pruning.stillness import Stillness

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


class Oracles:
    """The oracles on one random instance of a model, in one of its modes.

    Args:
        selection: what the sliced models keep.
    """

    def __init__(
        self, plan: Plan, model: nn.Module, selection: Selection, *, training: bool = False, seed: int = 0
    ) -> None:
        self._plan, self._selection, self._training = plan, selection, training
        self._generator = torch.Generator().manual_seed(seed)
        self._subject = randomised(model, self._generator)
        shape = (2 if training else 1, *plan.spec.input_size)
        self._images = torch.randn(shape, generator=self._generator, dtype=torch.float64)

    def permuted(self, groups: Sequence[int] | None = None) -> float:
        """The largest change of an output, relative to its largest element, when the units of `groups` (all by default)
        are reordered."""
        everything = tuple(tuple(range(group.units)) for group in self._plan.groups)
        return _change(self._sliced(self._shuffled(everything, groups)), self._whole)

    def permuted_after_a_cut(self, groups: Sequence[int] | None = None) -> float:
        """The same of a model in which `groups` (all by default) are cut."""
        selection = self._cut(groups)
        return _change(self._sliced(self._shuffled(selection, groups)), self._sliced(selection))

    def rubbish(self) -> float:
        """How far any operation of the whole model is from that of a sliced one, at the places that stay.

        Raises:
            UnsupportedModelError: by more than rounding; the message names the layer.
        """
        with self._comparable():
            return rubbish_error(self._plan, self._subject, self._selection, self._images, training=self._training)

    @cached_property
    def _whole(self) -> list[torch.Tensor]:
        return self._run(self._subject)

    def _sliced(self, selection: Selection) -> list[torch.Tensor]:
        return self._run(slice_model(self._subject, self._plan, selection))

    def _cut(self, groups: Sequence[int] | None) -> Selection:
        return tuple(
            self._selection[group.index] if groups is None or group.index in groups else tuple(range(group.units))
            for group in self._plan.groups
        )

    def _shuffled(self, selection: Selection, groups: Sequence[int] | None) -> Selection:
        return tuple(
            tuple(units[i] for i in _moved(len(units), self._generator)) if groups is None or index in groups else units
            for index, units in enumerate(selection)
        )

    def _run(self, model: nn.Module) -> list[torch.Tensor]:
        """The outputs; a training pass moves statistics, so it is run on a copy whose loss nobody minds."""
        subject = clone_structure(model, {}).train() if self._training else model
        with torch.inference_mode(), self._comparable():
            return tensors_of(subject(self._images))

    @staticmethod
    @contextlib.contextmanager
    def _comparable() -> Iterator[None]:
        """Without chance, and without the one operation that torch may run for a whole attention layer."""
        fast_path = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            with Stillness():
                yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fast_path)


def randomised(model: nn.Module, generator: torch.Generator) -> nn.Module:
    """A float64 copy in eval mode whose weights and statistics are all random and of ordinary size."""
    memo: dict[int, Any] = {}
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        value = _random(name, tensor, generator)
        memo[id(tensor)] = nn.Parameter(value, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else value
    subject = clone_structure(model, memo).eval()
    unfuse_attention(subject)
    return subject


def is_drawn(name: str, tensor: torch.Tensor) -> bool:
    """Whether `randomised` replaces what this weight or buffer holds."""
    return isinstance(tensor, nn.Parameter) or name.endswith(_STATISTICS)


def _random(name: str, tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    if not tensor.is_floating_point():
        return tensor.detach().cpu().clone()
    uniform = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
    if isinstance(tensor, nn.Parameter):
        if tensor.dim() > 1:  # of variance 1 / fan-in
            return uniform.sub_(0.5).mul_((12 / tensor[0].numel()) ** 0.5)
        return uniform.add_(0.5)
    if name.endswith("running_var"):
        return uniform.add_(0.5)
    return uniform.sub_(0.5) if name.endswith("running_mean") else tensor.detach().cpu().double()


def _moved(count: int, generator: torch.Generator) -> list[int]:
    """An order of `count` units that is not the one they are in."""
    order = torch.randperm(count, generator=generator)
    return (order.roll(1) if torch.equal(order, torch.arange(count)) else order).tolist()


def _change(after: list[torch.Tensor], before: list[torch.Tensor]) -> float:
    """Infinite where shapes differ, NaN where only one of two numbers is one: neither is under any tolerance."""
    if [a.shape for a in after] != [b.shape for b in before]:
        return float("inf")
    changes = [difference(a, b) for a, b in zip(after, before, strict=True)]
    return max(changes, default=0.0) if all(c == c for c in changes) else float("nan")
