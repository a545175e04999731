"""Convolutions.

MACs: `batch · prod(weight shape) · prod(output pixels)`, as fvcore counts them; the bias is free.
"""

from collections.abc import Sequence

from pruning.axes import Axis
from pruning.rules.registry import AxisUse, Call, CostKind, Walk, rule

ALONG = "a window moves along it"


@rule("conv1d", "conv2d", "conv3d")
def convolution(walk: Walk, call: Call) -> None:
    """`y[n, g·o, …] = Σ_i w[g·o, i, …] x[n, g·i, …]`: the groups are an outer factor of inputs and outputs."""
    x, weight, out = call.tensor("input"), call.tensor("weight"), call.out
    batch, channels, *along = walk.dims(x)
    outputs, inputs, *kernel = walk.dims(weight)
    for axis in kernel:
        walk.axes.fix(axis)
    pixels = _pixels(walk, call, along)
    groups = call.args["groups"]
    if groups == 1:
        walk.axes.unite(channels, inputs)
    else:
        _follow_groups(walk, groups, channels, inputs, outputs)
    walk.bind("in_channels", channels)
    walk.bind("out_channels", outputs)
    if (bias := call.args["bias"]) is not None:
        walk.axes.unite(walk.dims(bias)[0], outputs)
    walk.label(out, [batch, outputs, *pixels])
    walk.charge(CostKind.CONVOLUTION, batch, outputs, inputs, *kernel, *pixels)


def _pixels(walk: Walk, call: Call, along: Sequence[Axis]) -> list[Axis]:
    """The result's dimensions along which the window moves; one of a single index, step by step, keeps each index."""
    made = []
    padded = call.args["padding"] if not isinstance(call.args["padding"], str) else [0]  # as one index needs none
    strides, paddings = (n * len(along) if len(n) == 1 else n for n in (list(call.args["stride"]), list(padded)))
    for axis, after, length, stride, padding in zip(
        along, call.out.shape[2:], call.tensor("weight").shape[2:], strides, paddings, strict=True
    ):
        alone = (length, stride, padding) == (1, 1, 0)
        if not alone:
            walk.axes.fix(axis, ALONG)
        made.append(axis if alone else walk.axes.constant(after))
    return made


def _follow_groups(walk: Walk, groups: int, channels: int, inputs: int, outputs: int) -> None:
    size = walk.axes.size
    from_groups, each_in = walk.axes.split(channels, [groups, size(channels) // groups])
    to_groups, _ = walk.axes.split(outputs, [groups, size(outputs) // groups])
    walk.axes.unite(each_in, inputs)
    walk.axes.unite(from_groups, to_groups)
    if walk.states("groups"):
        walk.bind("groups", from_groups)
    else:
        walk.written(groups, from_groups, ties=False)
    if size(inputs) > 1:
        walk.note(from_groups, AxisUse.CONV_GROUPS)


@rule("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def transposed_convolution(walk: Walk, call: Call) -> None:
    """The weight is `[inputs, outputs / groups, …]` and every *input* pixel is multiplied by it."""
    x, weight, out = call.tensor("input"), call.tensor("weight"), call.out
    batch, channels, *pixels = walk.dims(x)
    inputs, each_out, *kernel = walk.dims(weight)
    for axis in kernel:
        walk.axes.fix(axis)
    for axis in pixels:
        walk.axes.fix(axis, ALONG)
    walk.axes.unite(channels, inputs)
    groups, outputs = call.args["groups"], each_out
    if groups > 1:
        from_groups, _ = walk.axes.split(inputs, [groups, walk.axes.size(inputs) // groups])
        outputs = walk.axes.grid([from_groups, each_out])
        walk.bind("groups", from_groups)
    walk.bind("in_channels", inputs)
    walk.bind("out_channels", outputs)
    if (bias := call.args["bias"]) is not None:
        walk.axes.unite(walk.dims(bias)[0], outputs)
    walk.label(out, [batch, outputs, *(walk.axes.constant(n) for n in out.shape[2:])])
    walk.charge(CostKind.CONVOLUTION, batch, inputs, each_out, *kernel, *pixels)


@rule("deform_conv2d")
def deformable_convolution(walk: Walk, call: Call) -> None:
    """As a convolution of places that another layer computes. In groups, no channels can be cut."""
    x, weight, out = call.tensor("input"), call.tensor("weight"), call.out
    batch, channels, *_ = walk.dims(x)
    outputs, inputs, *kernel = walk.dims(weight)
    places = [*walk.dims(call.tensor("offset"))[1:], *kernel]
    if call.args["use_mask"]:
        places += walk.dims(call.tensor("mask"))[1:]
    for axis in places:
        walk.axes.fix(axis, "it holds places or weights of a deformable convolution")
    if call.args["groups"] == call.args["offset_groups"] == 1:
        walk.axes.unite(channels, inputs)
        walk.bind("in_channels", channels)
        walk.bind("out_channels", outputs)
    else:
        for axis in (channels, inputs, outputs):
            walk.axes.fix(axis, "a deformable convolution in groups")
    walk.axes.unite(walk.dims(call.tensor("bias"))[0], outputs)
    pixels: list[Axis] = [walk.axes.constant(n) for n in out.shape[2:]]
    walk.label(out, [batch, outputs, *pixels])
    walk.charge(CostKind.CONVOLUTION, batch, outputs, inputs, *kernel, *pixels)
