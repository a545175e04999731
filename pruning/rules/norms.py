"""Normalisations, with fvcore's costs per input element.

A batch norm costs 2 (1 without weight) in eval mode and 5 (4) when it uses the batch's own statistics; a layer, group
or instance norm costs 5 (4).
"""

from pruning.rules.registry import AxisUse, Call, CostKind, Walk, rule


@rule("batch_norm")
def batch_norm(walk: Walk, call: Call) -> None:
    """Statistics and affine weights follow the channels.

    Weight-standardised convolutions call it with the batch's own statistics even in eval mode.
    """
    own_statistics = call.args["training"]
    prices = (4, 5) if own_statistics else (1, 2)
    _norm(walk, call, 1, ("weight", "bias", "running_mean", "running_var"), prices)


@rule("instance_norm")
def instance_norm(walk: Walk, call: Call) -> None:
    """As a batch norm; its cost depends on whether there are affine weights, as in fvcore."""
    _norm(walk, call, 1, ("weight", "bias", "running_mean", "running_var"), (4, 5))


@rule("layer_norm")
def layer_norm(walk: Walk, call: Call) -> None:
    """Weights follow the normalised dimensions, which can be cut: the norm is then taken over fewer units."""
    dims = walk.dims(call.tensor("input"))
    normalised = dims[len(dims) - len(call.args["normalized_shape"]) :]
    for name in ("weight", "bias"):
        if (parameter := call.args[name]) is not None:
            for axis, own in zip(normalised, walk.dims(parameter), strict=True):
                walk.axes.unite(axis, own)
    for axis in normalised:
        walk.note(axis, AxisUse.NORMALISED)
    walk.bind("normalized_shape", *normalised)
    _price(walk, call, (4, 5))


@rule("rms_norm")
def rms_norm(walk: Walk, call: Call) -> None:
    """As a layer norm without bias; fvcore does not know it, so it is free."""
    dims = walk.dims(call.tensor("input"))
    normalised = dims[len(dims) - len(call.args["normalized_shape"]) :]
    if (weight := call.args["weight"]) is not None:
        for axis, own in zip(normalised, walk.dims(weight), strict=True):
            walk.axes.unite(axis, own)
    for axis in normalised:
        walk.note(axis, AxisUse.NORMALISED)
    walk.bind("normalized_shape", *normalised)
    walk.label(call.out, dims)


@rule("group_norm")
def group_norm(walk: Walk, call: Call) -> None:
    """With one group it is a layer norm over channels, and with a group per channel the groups follow the channels.

    With any other number each group loses the same units.
    """
    channels, groups = walk.dims(call.tensor("input"))[1], call.args["num_groups"]
    if groups == walk.axes.size(channels):
        walk.bind("num_groups", channels)
    elif groups > 1:
        outer, _ = walk.axes.split(channels, [groups, walk.axes.size(channels) // groups])
        walk.axes.fix(outer)
    walk.bind("num_channels", channels)
    _norm(walk, call, 1, ("weight", "bias"), (4, 5))


def _norm(walk: Walk, call: Call, position: int, parameters: tuple[str, ...], prices: tuple[int, int]) -> None:
    channels = walk.dims(call.tensor("input"))[position]
    for name in parameters:
        if (parameter := call.args[name]) is not None:
            walk.axes.unite(channels, walk.dims(parameter)[0])
    walk.bind("num_features", channels)
    _price(walk, call, prices)


def _price(walk: Walk, call: Call, prices: tuple[int, int]) -> None:
    dims = walk.dims(call.tensor("input"))
    walk.label(call.out, dims)
    plain, affine = prices
    walk.charge(CostKind.NORMALISATION, *dims, times=plain if call.args["weight"] is None else affine)
