"""The strictest oracle: what is cut counts for nothing, after every single operation.

A sliced model runs first, and each result is kept. Then the whole model runs on the same images, beside it, and after
every operation

1. what its result holds at the places that stay must be what the sliced model computed, and
2. the places that are cut are filled with rubbish.

So each operation is shown, alone, to make of the kept places what it makes of a tensor that has no others. A number
that followed a cut and should not have, a bound that did not and should have, an order that the cut changed: each shows
at the operation that uses it. Where an operation adds up over units (a convolution, a product), the cut ones are zeroed
first. Where it normalises, averages or compares over units, it is another function of the units that are left, and by
design: there the sliced model's result is taken over, and that weights belong to their units there is for the
permutations to show.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from pruning.errors import UnsupportedModelError
from pruning.following import Follower, Step, tensors_in
from pruning.plan import Plan, PlannedPass
from pruning.slicing import Selection, selected, slice_model

_SUMS = {
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "linear", "matmul", "mm", "bmm", "addmm", "einsum", "scaled_dot_product_attention",
    "sum", "norm", "linalg_vector_norm", "frobenius_norm",
}  # fmt: skip
_SYMMETRIC = {
    "mean", "var", "std", "var_mean", "std_mean", "amax", "amin", "prod", "logsumexp", "any", "all",
    "softmax", "log_softmax", "_softmax", "_log_softmax", "layer_norm", "group_norm",
}  # fmt: skip

# What torch runs to write one number into a part of a tensor that has no values; with values it runs a `fill_`.
_WRITING = {"aten.scalar_tensor.default", "aten.view.default", "aten.expand.default", "aten.copy_.default"}

# The indices that stay of each dimension, None for all.
_Kept = tuple[torch.Tensor | None, ...]


def rubbish_error(
    plan: Plan, model: nn.Module, selection: Selection, images: torch.Tensor, *, training: bool = False
) -> float:
    """The largest difference at any operation, relative to the operation's largest result.

    Args:
        model: in float64, with weights that hide nothing.

    Raises:
        UnsupportedModelError: an operation differs by more than rounding; the message names its layer.
    """
    planned = next(one for one in plan.passes if one.training is training)
    recorder = _Recorder(slice_model(model, plan, selection))
    recorder.run(plan.spec.input_size, training=training, images=images)
    beside = _Beside(plan, model, planned, selection, recorder.results)
    beside.run(plan.spec.input_size, training=training, images=images.clone())
    return beside.error


class _Recorder(Follower):
    """Keeps every result. A later operation may write into it, so what is kept is a copy."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.results: list[list[torch.Tensor]] = []

    def executed(self, step: Step, func: Any, args: dict[str, Any], out: Any) -> None:
        self.results.append([tensor.clone() for tensor in tensors_in(out)])


class _Beside(Follower):
    """Runs the whole model beside the results of a sliced one."""

    def __init__(
        self,
        plan: Plan,
        model: nn.Module,
        planned: PlannedPass,
        selection: Selection,
        results: Sequence[Sequence[torch.Tensor]],
    ) -> None:
        super().__init__(model)
        chosen = selected(plan, selection)
        self._kept = [_stay(owner.kept(chosen), owner.size) for owner in plan.axes]
        weights = [_stay(owner.kept(chosen), owner.size) for owner in plan.owners]
        tensors = dict(model.named_parameters()) | dict(model.named_buffers())
        self._known: dict[int, _Kept] = {
            id(tensors[name]): tuple(weights[i] for i in places) for name, places in plan.parameters.items()
        }
        self._steps, self._results = planned.steps, results
        self._generator = torch.Generator().manual_seed(0)
        self._number = self._place = 0
        self.error = 0.0

    def called(self, func: Any, args: Any, kwargs: Any) -> Any:
        if func.overloadpacket.__name__ in _SUMS:
            args, kwargs = self._zeroed(args), {name: self._zeroed(value) for name, value in kwargs.items()}
        return func(*args, **kwargs)

    def passed_on(self, original: torch.Tensor, copy: torch.Tensor) -> None:
        self._known[id(copy)] = self._known.get(id(original), ())

    def executed(self, step: Step, func: Any, args: dict[str, Any], out: Any) -> None:
        number, made = self._number, tensors_in(out)
        self._number += 1
        if number >= len(self._results) or len(made) != len(self._results[number]):
            raise UnsupportedModelError(step.layer, step.operation, "with values it runs other operations than without")
        trusted = func.overloadpacket.__name__ in _SYMMETRIC and self._over_units(args, func.overloadpacket.__name__)
        for tensor, expected, kept in zip(made, self._results[number], self._planned(step, args, made), strict=True):
            if trusted:
                _put(tensor, kept, expected)
            else:
                self._compare(step, _taken(tensor, kept), expected)
            self._known[id(tensor)] = kept
            self._spoil(tensor, kept)

    def _planned(self, step: Step, args: dict[str, Any], made: Sequence[torch.Tensor]) -> list[_Kept]:
        """What stays of each result. The plan was made without values, where a few steps are others: those that make a
        constant of Python's numbers, or write one into a part of a tensor."""
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
            raise UnsupportedModelError(step.layer, step.operation, "with values it runs other operations than without")
        return [self._known.get(id(tensor), ()) for tensor in made]

    def _compare(self, step: Step, seen: torch.Tensor, expected: torch.Tensor) -> None:
        if seen.shape != expected.shape:
            raise UnsupportedModelError(
                step.layer,
                step.operation,
                f"{list(seen.shape)} is planned, a sliced model makes {list(expected.shape)}",
            )
        error = difference(seen, expected)
        if not error <= TOLERANCE:
            raise UnsupportedModelError(
                step.layer,
                step.operation,
                f"a sliced model computes something else there than the whole one: what stays differs by {error:.1e}",
            )
        self.error = max(self.error, error)

    def _over_units(self, args: dict[str, Any], name: str) -> bool:
        """Whether the operation normalises or compares over a dimension that is cut."""
        subject = args["self"] if "self" in args else args["input"]
        kept = self._known.get(id(subject), ())
        if name == "group_norm":
            over: Sequence[int] = [1]
        elif name == "layer_norm":
            over = range(subject.dim() - len(args["normalized_shape"]), subject.dim())
        else:
            given = args.get("dim")
            over = range(subject.dim()) if given is None or given == [] else _listed(given)
        return any(kept and kept[dim] is not None for dim in over)

    def _zeroed(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return type(value)(self._zeroed(part) for part in value)
        if not isinstance(value, torch.Tensor) or not any(k is not None for k in self._known.get(id(value), ())):
            return value
        clean = torch.zeros_like(value)
        kept = self._known[id(value)]
        _put(clean, kept, _taken(value, kept))
        return clean

    def _spoil(self, tensor: torch.Tensor, kept: _Kept) -> None:
        if not tensor.is_floating_point() or any(stride == 0 for stride in tensor.stride()):
            return  # copies of one value: what they were made of is spoilt already
        for dim, stays in enumerate(kept):
            if stays is not None:
                gone = torch.ones(tensor.shape[dim], dtype=torch.bool)
                gone[stays] = False
                shape = [*tensor.shape[:dim], int(gone.sum()), *tensor.shape[dim + 1 :]]
                rubbish = torch.randn(shape, generator=self._generator, dtype=torch.float64).to(tensor.dtype)
                tensor.index_copy_(dim, gone.nonzero().flatten(), rubbish)


TOLERANCE = 1e-9


def difference(a: torch.Tensor, b: torch.Tensor) -> float:
    """The largest difference, relative to the largest finite element of `b`. Infinities of one sign are equal, and so
    are values that are not a number; where only one of two is, the result is not a number either."""
    if not a.numel() or torch.equal(a, b):
        return 0.0
    a, b = a.double(), b.double()
    same = (a == b) | (a.isnan() & b.isnan())
    apart = torch.where(same, 0.0, a - b).abs().max()
    return float(apart / b.nan_to_num(0.0, 0.0, 0.0).abs().max().clamp_min(1e-300))


def _stay(kept: torch.Tensor, size: int) -> torch.Tensor | None:
    return None if len(kept) == size and torch.equal(kept, torch.arange(size)) else kept


def _taken(tensor: torch.Tensor, kept: _Kept) -> torch.Tensor:
    for dim, indices in enumerate(kept):
        if indices is not None:
            tensor = tensor.index_select(dim, indices)
    return tensor


def _put(tensor: torch.Tensor, kept: _Kept, value: torch.Tensor) -> None:
    """Write `value` to the places of `tensor` that stay."""
    if all(indices is None for indices in kept):
        tensor.copy_(value)
        return
    grid = [torch.arange(n) if stays is None else stays for n, stays in zip(tensor.shape, kept, strict=True)]
    tensor[torch.meshgrid(*grid, indexing="ij")] = value


def _listed(value: Any) -> list[int]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
