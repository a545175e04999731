"""Three ways to catch a plan that is wrong, in float64 on random weights, none of which knows how the plan was made.

* **Permutation.** Reordering the units of every group along the owner maps leaves the output as it was.
* **Permutation of a sliced model.** The same of what is left after a cut. What is bound to a place in the *cut* tensors,
  as `x[:, :4]`, only shows here.
* **Inert units.** Instead of being cut, units are made to say nothing: each weight that they own is zero. The output is
  that of the sliced model. A number that followed a cut and should not have (a temperature of eight beside eight heads)
  moves no unit, and shows only here. It holds wherever no normalisation, softmax or other sum of activations runs over
  the units (`Plan.mixed`): there a silent unit still counts.

Weights, biases and statistics are random, so nothing hides behind a zero or a one. Every tensor that the model returns
is compared, however nested.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import nn

from pruning.blueprint import Plan
from pruning.cloning import clone_structure
from pruning.following import unfuse_attention
from pruning.outputs import tensors_of
from pruning.slicing import Selection, cut_indices, slice_model
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

    def inert(self, groups: Sequence[int] | None = None) -> float:
        """How far a model in which units of `groups` (all that are not mixed, by default) are silent is from one in
        which they are cut."""
        chosen = self.separable if groups is None else groups
        selection = self._cut(chosen)
        return _change(self._run(silenced(self._subject, self._plan, selection)), self._sliced(selection))

    @property
    def separable(self) -> tuple[int, ...]:
        """The groups whose units do not count in each other's results."""
        return tuple(group.index for group in self._plan.groups if group.index not in self._plan.mixed)

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
            tuple(units[i] for i in torch.randperm(len(units), generator=self._generator).tolist())
            if groups is None or index in groups
            else units
            for index, units in enumerate(selection)
        )

    def _run(self, model: nn.Module) -> list[torch.Tensor]:
        """The outputs; a training pass moves statistics, so it is run on a copy whose loss nobody minds."""
        subject = clone_structure(model, {}).train() if self._training else model
        with torch.inference_mode(), Stillness():
            return tensors_of(subject(self._images))


def silenced(model: nn.Module, plan: Plan, selection: Selection) -> nn.Module:
    """A copy of `model` in which every weight that a unit outside of `selection` owns is zero."""
    memo: dict[int, Any] = {}
    gone = cut_indices(plan, selection)
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        value = tensor.detach().clone()
        if isinstance(tensor, nn.Parameter):
            for dim, place in enumerate(plan.parameters.get(name, ())):
                value.index_fill_(dim, gone[place], 0)
            value = nn.Parameter(value, tensor.requires_grad)
        memo[id(tensor)] = value
    return clone_structure(model, memo)


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


def _change(after: list[torch.Tensor], before: list[torch.Tensor]) -> float:
    """Infinite where shapes differ, NaN where an output is not finite: neither is under any tolerance."""
    if [a.shape for a in after] != [b.shape for b in before]:
        return float("inf")
    changes = [
        ((a.double() - b.double()).abs().max() / b.double().abs().max().clamp_min(1e-300)).item()
        for a, b in zip(after, before, strict=True)
        if a.numel()
    ]
    return max(changes, default=0.0) if all(c == c for c in changes) else float("nan")
