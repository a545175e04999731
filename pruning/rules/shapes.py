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


@rule("repeat", "tile")
def repeat(walk: Walk, call: Call) -> None:
    """Repeats a dimension, which adds an outer factor that cannot be cut."""
    x, out = call.tensor("self"), call.out
    dims = [walk.axes.constant(1)] * (out.dim() - x.dim()) + list(walk.dims(x))
    walk.label(out, [
        walk.axes.grid([walk.axes.constant(n // walk.axes.size(axis)), axis])
        for axis, n in zip(dims, out.shape, strict=True)
    ])  # fmt: skip


@rule("pixel_shuffle", "pixel_unshuffle", "channel_shuffle")
def shuffle(walk: Walk, call: Call) -> None:
    """Moves channels to pixels or among each other; no dimension can be cut."""
    dims = walk.dims(call.args["self"])
    for axis in dims[1:]:
        walk.axes.fix(axis)
    walk.label(call.out, [dims[0], *(walk.axes.constant(n) for n in call.out.shape[1:])])
