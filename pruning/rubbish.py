"""The strictest oracle: the values of cut units must not matter, after every single operation.

A sliced model runs first, and all its results are recorded. Then the whole model runs on the same images. After each of
its operations

1. the result at the kept indices must equal the sliced model's result, and
2. the result at the cut indices is overwritten with random numbers, the rubbish.

This shows for each operation alone that it computes the kept values as it would without the cut ones. A number that
wrongly followed a cut, a bound that wrongly did not, an order that the cut changed: each shows at the operation that
uses it. Operations that sum over units (a convolution, a product) get the cut units as zeros. Operations that
normalise, average or compare over units are by design another function of the units that are left: there the sliced
model's result is copied, and the permutation oracles show that weights belong to their units.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import nn

from pruning.errors import UnsupportedModelError
from pruning.following import Follower, Step, tensors_in
from pruning.plan import Plan, PlannedPass
from pruning.rounding import (
    AMPLIFIED,
    TOLERANCE,
    NearlyEqualError,
    allowed,
    difference,
    disturbed_copy,
    explains,
)
from pruning.slicing import Selection, selection_tensors, slice_model

_SUMS = {
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "linear", "matmul", "mm", "bmm", "addmm", "einsum", "scaled_dot_product_attention", "baddbmm", "deform_conv2d",
    "lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell",
    "bilinear", "sum", "norm", "linalg_vector_norm", "frobenius_norm",
}  # fmt: skip
_SYMMETRIC = {
    "mean", "var", "std", "var_mean", "std_mean", "amax", "amin", "prod", "logsumexp", "any", "all",
    "softmax", "log_softmax", "_softmax", "_log_softmax", "layer_norm", "group_norm", "rms_norm", "max", "min",
    "batch_norm",
}  # fmt: skip

# The operations by which torch writes one number into a part of a meta tensor; with values it runs a `fill_` instead.
_WRITING = {"aten.scalar_tensor.default", "aten.view.default", "aten.expand.default", "aten.copy_.default"}

_OTHER_OPERATIONS = "with values it runs other operations than without"

# The indices that stay in each dimension; None means all.
_Kept = tuple[torch.Tensor | None, ...]


def rubbish_error(
    plan: Plan, model: nn.Module, selection: Selection, images: tuple[torch.Tensor, ...], *, training: bool = False
) -> float:
    """The largest difference of any operation's result, relative to the result's largest element.

    Args:
        plan: the plan under test.
        model: the unpruned model, in float64 with random weights.
        selection: the units that the sliced model keeps.
        images: the inputs of both models.
        training: run in training mode.

    Raises:
        UnsupportedModelError: an operation differs by more than rounding; the message names its layer.
    """
    planned = next(one for one in plan.passes if one.training is training)
    pruned = slice_model(model, plan, selection)

    def run(follower: Follower) -> None:
        follower.run(plan.spec.input_size, training=training, images=tuple(image.clone() for image in images))

    recorder = _Recorder(pruned)
    run(recorder)

    @cache
    def rounding() -> list[list[float]]:
        measure = _Rounding(disturbed_copy(pruned), recorder.results)
        run(measure)
        return measure.changes

    comparison = _Comparison(plan, model, planned, selection, recorder.results, rounding)
    run(comparison)
    return comparison.error


class _Recorder(Follower):
    """Records a copy of every result, because a later operation may overwrite it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.results: list[list[torch.Tensor]] = []

    def on_executed(self, step: Step, func: Any, args: dict[str, Any], out: Any) -> None:
        self.results.append([tensor.clone() for tensor in tensors_in(out)])


class _Rounding(Follower):
    """Measures by how much each result changes from the recorded one where the weights are a little disturbed."""

    def __init__(self, model: nn.Module, results: Sequence[Sequence[torch.Tensor]]) -> None:
        super().__init__(model)
        self._results = results
        self.changes: list[list[float]] = []

    def on_executed(self, step: Step, func: Any, args: dict[str, Any], out: Any) -> None:
        made, number = tensors_in(out), len(self.changes)
        before = self._results[number] if number < len(self._results) else ()
        if [tensor.shape for tensor in made] != [tensor.shape for tensor in before]:
            raise UnsupportedModelError(step.layer, step.operation, _OTHER_OPERATIONS)
        self.changes.append([difference(a, b) for a, b in zip(made, before, strict=True)])


class _Comparison(Follower):
    """Runs the whole model and compares its results with those of a sliced one."""

    def __init__(
        self,
        plan: Plan,
        model: nn.Module,
        planned: PlannedPass,
        selection: Selection,
        results: Sequence[Sequence[torch.Tensor]],
        rounding: Callable[[], list[list[float]]],
    ) -> None:
        super().__init__(model)
        self._rounding = rounding
        chosen = selection_tensors(plan, selection)
        self._kept = [_none_if_all(owner.kept(chosen), owner.size) for owner in plan.axes]
        weights = [_none_if_all(owner.kept(chosen), owner.size) for owner in plan.owners]
        tensors = dict(model.named_parameters()) | dict(model.named_buffers())
        self._known: dict[int, _Kept] = {
            id(tensors[name]): tuple(weights[i] for i in places) for name, places in plan.parameters.items()
        }
        self._steps, self._results = planned.steps, results
        self._generator = torch.Generator().manual_seed(0)
        self._number = self._place = 0
        self.error = 0.0

    def run_operation(self, func: Any, args: Any, kwargs: Any) -> Any:
        if func.overloadpacket.__name__ in _SUMS:
            args, kwargs = self._zero_cut(args), {name: self._zero_cut(value) for name, value in kwargs.items()}
        return func(*args, **kwargs)

    def on_copied(self, original: torch.Tensor, copy: torch.Tensor) -> None:
        self._known[id(copy)] = self._known.get(id(original), ())

    def on_executed(self, step: Step, func: Any, args: dict[str, Any], out: Any) -> None:
        number, made = self._number, tensors_in(out)
        self._number += 1
        if number >= len(self._results) or len(made) != len(self._results[number]):
            raise UnsupportedModelError(step.layer, step.operation, _OTHER_OPERATIONS)
        trusted = func.overloadpacket.__name__ in _SYMMETRIC and self._over_units(args, func.overloadpacket.__name__)
        for place, (tensor, expected, kept) in enumerate(
            zip(made, self._results[number], self._planned_kept(step, args, made), strict=True)
        ):
            if trusted:
                _write(tensor, kept, expected)
            else:
                self._compare(step, _take(tensor, kept), expected, (number, place))
            self._known[id(tensor)] = kept
            self._fill_cut(tensor, kept)

    def _planned_kept(self, step: Step, args: dict[str, Any], made: Sequence[torch.Tensor]) -> list[_Kept]:
        """The indices of each result that stay, by the plan.

        The plan was made without values, where a few steps differ: those that make a constant from Python numbers, or
        write one into a part of a tensor.
        """
        place = self._place
        while place < len(self._steps):
            planned = self._steps[place]
            if (planned.step.layer, planned.step.operation) == (step.layer, step.operation):
                self._place = place + 1
                return [tuple(self._kept[i] for i in dims) for dims in planned.axes]
            if planned.step.operation not in _WRITING:
                break
            place += 1
        constant = not any(id(tensor) in self._known for tensor in tensors_in(list(args.values())))
        if not constant and not all(tensor.dim() == 0 or id(tensor) in self._known for tensor in made):
            raise UnsupportedModelError(step.layer, step.operation, _OTHER_OPERATIONS)
        return [self._known.get(id(tensor), ()) for tensor in made]

    def _compare(self, step: Step, seen: torch.Tensor, expected: torch.Tensor, where: tuple[int, int]) -> None:
        if seen.shape != expected.shape:
            raise UnsupportedModelError(
                step.layer,
                step.operation,
                f"{list(seen.shape)} is planned, a sliced model makes {list(expected.shape)}",
            )
        error = difference(seen, expected)
        number, place = where
        rounding = self._rounding()[number][place] if TOLERANCE < error <= AMPLIFIED else 0.0
        if not error <= allowed(rounding):
            kind = NearlyEqualError if explains(rounding, error) else UnsupportedModelError
            raise kind(
                step.layer,
                step.operation,
                f"it computes something else in a sliced model than in the whole: kept values differ by {error:.1e}",
            )
        self.error = max(self.error, error)

    def _over_units(self, args: dict[str, Any], name: str) -> bool:
        """Whether the operation normalises or compares over a dimension that is cut."""
        subject = args["self"] if "self" in args else args["input"]
        kept = self._known.get(id(subject), ())
        if "other" in args:  # the larger of two tensors
            return False
        if name == "group_norm":
            over: Sequence[int] = [1] if args["num_groups"] < subject.shape[1] else []
        elif name == "batch_norm":  # weights are standardised by one with the batch's own statistics
            over = [dim for dim in range(subject.dim()) if dim != 1] if args["training"] else []
        elif name in ("layer_norm", "rms_norm"):
            over = range(subject.dim() - len(args["normalized_shape"]), subject.dim())
        else:
            given = args.get("dim")
            over = range(subject.dim()) if given is None or given == [] else _as_list(given)
        return any(kept and kept[dim] is not None for dim in over)

    def _zero_cut(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return type(value)(self._zero_cut(part) for part in value)
        if not isinstance(value, torch.Tensor) or not any(k is not None for k in self._known.get(id(value), ())):
            return value
        clean = torch.zeros_like(value)
        kept = self._known[id(value)]
        _write(clean, kept, _take(value, kept))
        return clean

    def _fill_cut(self, tensor: torch.Tensor, kept: _Kept) -> None:
        if not tensor.is_floating_point() or any(stride == 0 for stride in tensor.stride()):
            return  # expanded from one value, whose source was overwritten already
        for dim, stays in enumerate(kept):
            if stays is not None:
                gone = torch.ones(tensor.shape[dim], dtype=torch.bool)
                gone[stays] = False
                shape = [*tensor.shape[:dim], int(gone.sum()), *tensor.shape[dim + 1 :]]
                rubbish = torch.randn(shape, generator=self._generator, dtype=torch.float64).to(tensor.dtype)
                tensor.index_copy_(dim, gone.nonzero().flatten(), rubbish)


def _none_if_all(kept: torch.Tensor, size: int) -> torch.Tensor | None:
    return None if len(kept) == size and torch.equal(kept, torch.arange(size)) else kept


def _take(tensor: torch.Tensor, kept: _Kept) -> torch.Tensor:
    for dim, indices in enumerate(kept):
        if indices is not None:
            tensor = tensor.index_select(dim, indices)
    return tensor


def _write(tensor: torch.Tensor, kept: _Kept, value: torch.Tensor) -> None:
    """Write `value` to the kept indices of `tensor`."""
    if all(indices is None for indices in kept):
        tensor.copy_(value)
        return
    grid = [torch.arange(n) if stays is None else stays for n, stays in zip(tensor.shape, kept, strict=True)]
    tensor[torch.meshgrid(*grid, indexing="ij")] = value


def _as_list(value: Any) -> list[int]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
