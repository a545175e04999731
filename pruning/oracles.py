"""Three oracles that detect a wrong plan, in float64 on random weights.

* **Permutation.** Reordering the units of every group along the owner maps must not change the output.
* **Permutation of a sliced model.** The same for the units that are left after a cut. Code that depends on positions in
  the *cut* tensors, such as `x[:, :4]`, shows only here.
* **Rubbish** in place of the cut units, after every operation: see `pruning.rubbish`.

The first two use only the plan's owner maps; the third also uses what the plan states about every tensor. Weights,
biases and statistics are random, so that no fault is hidden by a zero or a one. Every tensor that the model returns is
compared, however nested.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import nn

from pruning.cloning import clone_structure
from pruning.errors import UnsupportedModelError, describe_exception
from pruning.following import unfuse_attention
from pruning.inputs import Shape, made_inputs
from pruning.outputs import tensors_of
from pruning.plan import Plan
from pruning.rounding import difference, disturbed_copy
from pruning.rubbish import rubbish_error
from pruning.slicing import Selection, slice_model
from pruning.stillness import deterministic

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


class Oracles:
    """The oracles for one random instance of a model, in one of its modes.

    Args:
        plan: the plan under test.
        model: the unpruned model; its weights are not used.
        selection: the units that the sliced models keep.
        training: run in training mode.
        seed: of the random weights, the images and the orders.
    """

    def __init__(
        self, plan: Plan, model: nn.Module, selection: Selection, *, training: bool = False, seed: int = 0
    ) -> None:
        self._plan, self._selection, self._training = plan, selection, training
        self._generator = torch.Generator().manual_seed(seed)
        self._subject = randomised_copy(model, self._generator)
        self._images = made_inputs(self._subject, plan.spec.input_size, self._random_input)

    def permutation_error(self, groups: Sequence[int] | None = None) -> float:
        """The change of the output when the units of `groups` (all by default) are reordered.

        Returns:
            The largest difference of an output element, relative to the output's largest element.
        """
        everything = tuple(tuple(range(group.units)) for group in self._plan.groups)
        return _relative_change(self._run_sliced(self._shuffle(everything, groups)), self._whole)

    def permutation_error_after_cut(self, groups: Sequence[int] | None = None) -> float:
        """As `permutation_error`, for a model in which `groups` (all by default) are cut."""
        selection = self._cut_selection(groups)
        return _relative_change(self._run_sliced(self._shuffle(selection, groups)), self._run_sliced(selection))

    def rounding(self) -> float:
        """The change of the whole model's output by weights that are a few units in the last place away."""
        return _relative_change(self._run(disturbed_copy(self._subject)), self._whole)

    def rounding_after_cut(self) -> float:
        """As `rounding`, for a model in which all groups are cut."""
        pruned = slice_model(self._subject, self._plan, self._selection)
        return _relative_change(self._run(disturbed_copy(pruned)), self._run(pruned))

    def rubbish_error(self) -> float:
        """The largest relative difference of any operation's result from a sliced model's, at the kept indices.

        Raises:
            UnsupportedModelError: an operation differs by more than rounding; the message names the layer.
        """
        with deterministic(double=True):
            return rubbish_error(self._plan, self._subject, self._selection, self._images, training=self._training)

    @cached_property
    def _whole(self) -> list[torch.Tensor]:
        return self._run(self._subject)

    def _run_sliced(self, selection: Selection) -> list[torch.Tensor]:
        return self._run(slice_model(self._subject, self._plan, selection))

    def _cut_selection(self, groups: Sequence[int] | None) -> Selection:
        return tuple(
            self._selection[group.index] if groups is None or group.index in groups else tuple(range(group.units))
            for group in self._plan.groups
        )

    def _shuffle(self, selection: Selection, groups: Sequence[int] | None) -> Selection:
        return tuple(
            tuple(units[i] for i in _new_order(len(units), self._generator))
            if groups is None or index in groups
            else units
            for index, units in enumerate(selection)
        )

    def _run(self, model: nn.Module) -> list[torch.Tensor]:
        """The outputs. A training pass changes running statistics, so it runs on a copy that is thrown away."""
        subject = clone_structure(model, {}).train() if self._training else model
        with torch.inference_mode(), deterministic(double=True):
            return tensors_of(subject(*self._images))

    def _random_input(self, shape: Shape) -> torch.Tensor:
        images = 2 if self._training else 1
        return torch.randn((images, *shape), generator=self._generator, dtype=torch.float64)


def randomised_copy(model: nn.Module, generator: torch.Generator) -> nn.Module:
    """A float64 copy in eval mode whose weights and statistics are random and of ordinary magnitude."""
    memo: dict[int, Any] = {}
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        value = _random(name, tensor, generator)
        memo[id(tensor)] = nn.Parameter(value, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else value
    subject = clone_structure(model, memo).eval()
    unfuse_attention(subject)
    return subject


def valued_copy(model: nn.Module) -> nn.Module:
    """The copy of a model on which passes are followed where tensors without values do not do.

    Raises:
        UnsupportedModelError: the model cannot be copied.
    """
    try:
        return randomised_copy(model, torch.Generator().manual_seed(0))
    except Exception as error:
        raise UnsupportedModelError("", "copying the model", describe_exception(error)) from error


def is_randomised(name: str, tensor: torch.Tensor) -> bool:
    """Whether `randomised_copy` replaces the values of this weight or buffer."""
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


def _new_order(count: int, generator: torch.Generator) -> list[int]:
    """A random order of `count` units that differs from the current one."""
    order = torch.randperm(count, generator=generator)
    return (order.roll(1) if torch.equal(order, torch.arange(count)) else order).tolist()


def _relative_change(after: list[torch.Tensor], before: list[torch.Tensor]) -> float:
    """The largest relative difference; infinite if shapes differ, NaN if only one of two values is NaN.

    Neither of those passes any tolerance.
    """
    if [a.shape for a in after] != [b.shape for b in before]:
        return float("inf")
    changes = [difference(a, b) for a, b in zip(after, before, strict=True)]
    return max(changes, default=0.0) if all(c == c for c in changes) else float("nan")
