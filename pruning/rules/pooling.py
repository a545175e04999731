"""Pooling, resampling and padding: channels keep their axes, pixels get new ones.

Costs as in fvcore: an adaptive average pool costs 1 per input element, a nearest upsampling 1 and a bilinear one 4 per
output element. Other pools are free there, and so here.
"""

import torch

from pruning.rules.convolution import ALONG
from pruning.rules.registry import Call, CostKind, Walk, rule


@rule(
    "max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool2d",
    "adaptive_max_pool2d", "max_pool2d_with_indices", "upsample_bicubic2d", "adaptive_max_pool1d",
    "adaptive_max_pool3d", "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa", "upsample_linear1d",
    "upsample_trilinear3d",
)  # fmt: skip
def pool(walk: Walk, call: Call) -> None:
    """Pools each channel separately."""
    dims = walk.dims(_source(call))
    outputs = call.out if isinstance(call.out, (tuple, list)) else (call.out,)
    kept = 2 if len(dims) == outputs[0].dim() else 1
    for axis in dims[kept:]:
        walk.axes.fix(axis, ALONG)
    for out in outputs:
        walk.label(out, [*dims[:kept], *(walk.axes.constant(n) for n in out.shape[kept:])])


@rule("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d")
def adaptive_average_pool(walk: Walk, call: Call) -> None:
    """Costs one per input element, in two dimensions only, because fvcore counts no other."""
    pool(walk, call)
    if call.name == "adaptive_avg_pool2d":
        walk.charge(CostKind.POOLING, *walk.dims(call.args["self"]))


@rule("upsample_nearest2d")
def nearest(walk: Walk, call: Call) -> None:
    """Costs one per output element."""
    _upsample(walk, call, 1)


@rule("upsample_bilinear2d")
def bilinear(walk: Walk, call: Call) -> None:
    """Costs four per output element."""
    _upsample(walk, call, 4)


def _upsample(walk: Walk, call: Call, price: int) -> None:
    dims = walk.dims(_source(call))
    for axis in dims[2:]:
        walk.axes.fix(axis, ALONG)
    labelled = [*dims[:2], *(walk.axes.constant(n) for n in call.out.shape[2:])]
    walk.label(call.out, labelled)
    walk.charge(CostKind.RESAMPLING, *labelled, times=price)


def _source(call: Call) -> torch.Tensor:
    """The input tensor, which upsamplings call `input` and pools `self`."""
    return call.tensor("input" if "input" in call.args else "self")


@rule("max_unpool2d", "max_unpool3d")
def unpool(walk: Walk, call: Call) -> None:
    """Puts each value back to where it was in its channel; fvcore does not know it, so it is free."""
    dims, places = walk.dims(call.tensor("self")), walk.dims(call.tensor("indices"))
    spatial = 2 if call.name == "max_unpool2d" else 3
    kept = len(dims) - spatial
    for axis, other in zip(dims[:kept], places[:kept], strict=True):
        walk.axes.unite(axis, other)
    walk.label(call.out, [*dims[:kept], *(walk.axes.constant(n) for n in call.out.shape[kept:])])


@rule("grid_sampler")
def sample(walk: Walk, call: Call) -> None:
    """Samples each channel at the same places; costs four per output element, as a bilinear upsampling."""
    batch, channels, *_ = walk.dims(call.tensor("input"))
    for axis in walk.dims(call.tensor("grid"))[1:]:
        walk.axes.fix(axis, "it holds places in an image")
    labelled = [batch, channels, *(walk.axes.constant(n) for n in call.out.shape[2:])]
    walk.label(call.out, labelled)
    walk.charge(CostKind.RESAMPLING, *labelled, times=4)


@rule("_fft_r2c", "_fft_c2r", "_fft_c2c")
def transform(walk: Walk, call: Call) -> None:
    """Mixes the positions of some dimensions, which cannot be cut; fvcore does not know it, so it is free."""
    dims = list(walk.dims(call.tensor("self")))
    for d in call.args["dim"]:
        walk.axes.fix(dims[d], "its positions are mixed by a Fourier transform")
        dims[d] = walk.axes.constant(call.out.shape[d])
    walk.label(call.out, dims)


@rule("pad", "constant_pad_nd", "reflection_pad2d", "replication_pad2d")
def pad(walk: Walk, call: Call) -> None:
    """A padded dimension cannot be cut, because its padding was written as a number; the others keep their axes."""
    x = call.tensor("self")
    dims = []
    for axis, before, after in zip(walk.dims(x), x.shape, call.out.shape, strict=True):
        if before != after:
            walk.axes.fix(axis, "it is padded by a number of units that is written in the code")
        dims.append(axis if before == after else walk.axes.constant(after))
    walk.label(call.out, dims)
