"""Reshapes and permutations: axes are merged into grids, split into factors, and reordered."""

import math
from collections.abc import Sequence

import torch

from pruning.axes import Axis
from pruning.rules.registry import Call, Walk, rule


@rule("view", "reshape", "_unsafe_view", "_reshape_alias", "flatten", "unflatten", "view_as", "reshape_as", "squeeze",
      "squeeze_", "unsqueeze", "unsqueeze_")  # fmt: skip
def reshape(walk: Walk, call: Call) -> None:
    """Adjacent dimensions that become one form a row-major grid; one that becomes several is split."""
    x = next(value for value in call.args.values() if isinstance(value, torch.Tensor))
    dims = walk.dims(x)
    reshaped: list[Axis] = []
    for before, after in _blocks(x.shape, call.out.shape):
        merged = walk.axes.grid(dims[i] for i in before)
        reshaped += walk.axes.split(merged, [call.out.shape[i] for i in after])
    walk.label(call.out, reshaped)
    _note_sizes(walk, call, reshaped)


def _blocks(before: Sequence[int], after: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """The finest pairing of consecutive dimensions with equal products: `[4, 6, 5], [24, 5]` pairs (0, 1) with 0."""
    blocks, i, j = [], 0, 0
    while i < len(before) or j < len(after):
        left, right = [i] if i < len(before) else [], [j] if j < len(after) else []
        while (a := math.prod(before[k] for k in left)) != (b := math.prod(after[k] for k in right)):
            if a < b:
                left.append((left[-1] if left else i - 1) + 1)
            else:
                right.append((right[-1] if right else j - 1) + 1)
        blocks.append((left, right))
        i, j = (left[-1] + 1 if left else i), (right[-1] + 1 if right else j)
    return blocks


def _note_sizes(walk: Walk, call: Call, reshaped: list[Axis]) -> None:
    """Record sizes that were written as numbers, not as −1: they must follow when the axis is cut."""
    sizes = call.args.get("size") or call.args.get("shape")
    if call.name == "unflatten":
        start = call.args["dim"] % (len(reshaped) - len(call.args["sizes"]) + 1)
        sizes, reshaped = call.args["sizes"], reshaped[start : start + len(call.args["sizes"])]
    for size, axis in zip(sizes or (), reshaped, strict=False):
        if size != -1:
            walk.written(int(size), axis)


@rule("permute", "transpose", "t", "movedim", "swapaxes", "swapdims", "numpy_T", "mT", "adjoint", "transpose_")
def permute(walk: Walk, call: Call) -> None:
    """Reorders the axes."""
    x = next(value for value in call.args.values() if isinstance(value, torch.Tensor))
    dims = walk.dims(x)
    walk.label(call.out, [dims[i] for i in _order(call, len(dims))])


def _order(call: Call, rank: int) -> list[int]:
    order = list(range(rank))
    if call.name == "permute":
        return [d % rank for d in call.args["dims"]]
    if call.name in ("t", "numpy_T"):
        return order[::-1]
    if call.name == "movedim":
        return _moved(call, order)
    a, b = (-2, -1) if call.name in ("mT", "adjoint") else _two(call)
    order[a], order[b] = order[b], order[a]
    return order


def _two(call: Call) -> tuple[int, int]:
    a, b = list(call.args.values())[1:3]
    return a, b


def _moved(call: Call, order: list[int]) -> list[int]:
    source, destination = ([d] if isinstance(d, int) else list(d) for d in _two(call))
    rank = len(order)
    moves = dict(zip((d % rank for d in destination), (s % rank for s in source), strict=True))
    rest = iter(i for i in order if i not in moves.values())
    return [moves[i] if i in moves else next(rest) for i in order]


@rule("expand", "expand_as", "broadcast_to")
def expand(walk: Walk, call: Call) -> None:
    """An expanded dimension holds copies of one value; it may be united with any that it meets."""
    x = call.args["self"]
    new = call.out.dim() - x.dim()
    fresh = [walk.axes.leaf(n) for n in call.out.shape[:new]]
    kept = [
        axis if before == after else walk.axes.leaf(after)
        for axis, before, after in zip(walk.dims(x), x.shape, call.out.shape[new:], strict=True)
    ]
    walk.label(call.out, [*fresh, *kept])
    for before, axis in zip([1] * new + list(x.shape), walk.dims(call.out), strict=True):
        if before != walk.axes.size(axis):
            walk.written(walk.axes.size(axis), axis, ties=False)


@rule("repeat", "tile")
def repeat(walk: Walk, call: Call) -> None:
    """Repeats a dimension, which adds an outer factor that cannot be cut; a single index is expanded."""
    x, out = call.tensor("self"), call.out
    labelled = []
    for axis, n in zip([walk.axes.constant(1)] * (out.dim() - x.dim()) + list(walk.dims(x)), out.shape, strict=True):
        if walk.axes.size(axis) == 1:
            labelled.append(walk.axes.leaf(n))
            walk.written(n, labelled[-1], ties=False)
        else:
            labelled.append(walk.axes.grid([walk.axes.constant(n // walk.axes.size(axis)), axis]))
    walk.label(out, labelled)


@rule("pixel_shuffle")
def pixel_shuffle(walk: Walk, call: Call) -> None:
    """Channels are a grid of those of the result and of the pixels that each becomes, which cannot be cut."""
    *batch, channels, _, _ = walk.dims(call.tensor("self"))
    *_, made, height, width = call.out.shape
    kept, pixels = walk.axes.split(channels, [made, walk.axes.size(channels) // made])
    walk.axes.fix(pixels)
    walk.label(call.out, [*batch, kept, walk.axes.constant(height), walk.axes.constant(width)])


@rule("pixel_unshuffle")
def pixel_unshuffle(walk: Walk, call: Call) -> None:
    """Each channel becomes as many as a square has pixels: the channels of the result are a grid."""
    *batch, channels, _, _ = walk.dims(call.tensor("self"))
    *_, made, height, width = call.out.shape
    pixels = walk.axes.constant(made // walk.axes.size(channels))
    grid = walk.axes.grid([channels, pixels])
    walk.label(call.out, [*batch, grid, walk.axes.constant(height), walk.axes.constant(width)])


@rule("channel_shuffle")
def channel_shuffle(walk: Walk, call: Call) -> None:
    """Transposes a grid of groups, whose number is written as a number, and of the channels of each."""
    batch, channels, *pixels = walk.dims(call.tensor("self"))
    groups = call.args["groups"]
    outer, inner = walk.axes.split(channels, [groups, walk.axes.size(channels) // groups])
    walk.axes.fix(outer)
    walk.label(call.out, [batch, walk.axes.grid([inner, outer]), *pixels])


@rule("rot90")
def rotate(walk: Walk, call: Call) -> None:
    """Rotates a plane, whose dimensions cannot be cut because the result depends on their order."""
    dims = list(walk.dims(call.tensor("self")))
    for d in call.args["dims"]:
        walk.axes.fix(dims[d], "it is rotated")
        dims[d] = walk.axes.constant(call.out.shape[d])
    walk.label(call.out, dims)


@rule("tril", "triu")
def triangle(walk: Walk, call: Call) -> None:
    """Sets a triangle of each matrix to zero: which elements those are depends on their positions."""
    dims = walk.dims(call.tensor("self"))
    for axis in dims[-2:]:
        walk.axes.fix(axis, "a triangle of it is set to zero")
    walk.label(call.out, dims)


@rule("view_as_real")
def view_as_real(walk: Walk, call: Call) -> None:
    """Adds a dimension of two: the real and the imaginary part."""
    walk.label(call.out, [*walk.dims(call.tensor("self")), walk.axes.constant(2)])


@rule("view_as_complex")
def view_as_complex(walk: Walk, call: Call) -> None:
    """Removes a dimension of two."""
    *dims, parts = walk.dims(call.tensor("self"))
    walk.axes.fix(parts)
    walk.label(call.out, dims)
