"""Elementwise operations, with broadcasting, and the creation of tensors."""

import torch

from pruning.rules.registry import Call, Walk, rule


def pointwise(walk: Walk, call: Call) -> None:
    """Unites dimensions that meet; a dimension of length one is broadcast and ties nothing."""
    tensors = [x for x in _flat(call.args.values()) if isinstance(x, torch.Tensor)]
    outputs = [x for x in _flat([call.out]) if isinstance(x, torch.Tensor)]
    for out in outputs:
        walk.label(out, [_meet(walk, tensors, out, -i) for i in range(out.dim(), 0, -1)])


def _flat(values: object) -> list[object]:
    found: list[object] = []
    for value in values:  # type: ignore[attr-defined]
        found.extend(value if isinstance(value, (list, tuple)) else [value])
    return found


def _meet(walk: Walk, tensors: list[torch.Tensor], out: torch.Tensor, position: int) -> int:
    size = out.shape[position]
    axes = [walk.dims(x)[position] for x in tensors if x.dim() >= -position and x.shape[position] == size]
    if size == 1 or not axes:
        return walk.axes.constant(size)
    for axis in axes[1:]:
        walk.axes.unite(axes[0], axis)
    return axes[0]


@rule(
    "contiguous", "clone", "detach", "detach_", "alias", "to", "_to_copy", "type_as", "lift_fresh", "dropout",
    "dropout_", "feature_dropout", "float", "half", "bfloat16", "relu6", "relu6_", "zeros_like", "ones_like",
    "full_like", "empty_like", "rand_like", "randn_like", "randint_like", "normal_", "uniform_", "exponential_",
    "log_normal_", "geometric_", "new_empty_strided", "requires_grad_", "alpha_dropout", "softmax", "log_softmax",
    "_softmax", "_log_softmax", "log_sigmoid", "resolve_conj", "resolve_neg", "conj", "_conj", "conj_physical",
)  # fmt: skip
def same_shape(walk: Walk, call: Call) -> None:
    """The output has the input's axes; a softmax does not depend on the order of its elements either."""
    first = next(x for x in call.args.values() if isinstance(x, torch.Tensor))
    walk.label(call.out, walk.dims(first))


@rule("copy_", "fill_", "zero_", "masked_fill_", "masked_fill", "prelu", "where", "hardswish", "hardswish_", "complex")
def untagged(walk: Walk, call: Call) -> None:
    """Operations that are pointwise though not tagged so; PReLU's weight follows the channels."""
    if call.name == "prelu" and call.tensor("weight").numel() > 1:
        walk.axes.unite(walk.dims(call.tensor("self"))[1], walk.dims(call.tensor("weight"))[0])
        walk.label(call.out, walk.dims(call.tensor("self")))
        return
    pointwise(walk, call)


@rule("glu")
def gated(walk: Walk, call: Call) -> None:
    """Multiplies one half of a dimension by the sigmoid of the other: both halves are cut alike."""
    dims, dim = list(walk.dims(call.tensor("self"))), call.args["dim"]
    half = call.out.shape[dim]
    first, second = walk.axes.cut(dims[dim], [half, half])
    walk.axes.unite(first, second)
    dims[dim] = first
    walk.label(call.out, dims)


@rule("zeros", "ones", "full", "empty", "new_zeros", "new_ones", "new_full", "new_empty")
def uniform(walk: Walk, call: Call) -> None:
    """Creates a tensor of one value; its dimensions may be united with any that they meet, and then must follow."""
    dims = [walk.axes.leaf(n) for n in call.out.shape]
    walk.label(call.out, dims)
    for size, axis in zip(call.out.shape, dims, strict=True):
        walk.written(size, axis, ties=False)


@rule(
    "arange",
    "linspace",
    "eye",
    "rand",
    "randn",
    "randint",
    "randperm",
    "normal",
    "scalar_tensor",
    "empty_strided",
    "bernoulli_",
    "bernoulli",
)
def counted(walk: Walk, call: Call) -> None:
    """Creates values that depend on their position, so no dimension can be cut."""
    walk.label(call.out, [walk.axes.fixed(n, "it meets numbers that depend on the position") for n in call.out.shape])
