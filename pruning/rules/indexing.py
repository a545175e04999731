"""Indexing, slicing, splitting and concatenation."""

import math

import torch

from pruning.axes import Axis
from pruning.rules.registry import Call, Walk, rule


@rule("cat", "concat", "concatenate")
def concatenate(walk: Walk, call: Call) -> None:
    """Concatenates the axes of one dimension and unites those of the others."""
    tensors = [x for x in call.args["tensors"] if x.numel() or x.dim() > 1]
    along = call.args["dim"] % call.out.dim()
    every = [walk.dims(x) for x in tensors]
    for dims in every[1:]:
        for i, (first, other) in enumerate(zip(every[0], dims, strict=True)):
            if i != along:
                walk.axes.unite(first, other)
    joined = list(every[0])
    joined[along] = walk.axes.concat(dims[along] for dims in every)
    walk.label(call.out, joined)


@rule("stack")
def stack(walk: Walk, call: Call) -> None:
    """Unites the dimensions of all tensors and adds a new one, which cannot be cut."""
    every = [walk.dims(x) for x in call.args["tensors"]]
    for dims in every[1:]:
        for first, other in zip(every[0], dims, strict=True):
            walk.axes.unite(first, other)
    dims_out = list(every[0])
    dims_out.insert(call.args["dim"] % call.out.dim(), walk.axes.constant(len(every)))
    walk.label(call.out, dims_out)


@rule("slice", "narrow")
def take_slice(walk: Walk, call: Call) -> None:
    """Takes a run of a dimension; its bounds were written as numbers and must follow when the axis is cut."""
    x = call.tensor("self")
    dims, dim = list(walk.dims(x)), call.args["dim"] % x.dim()
    length, taken = x.shape[dim], call.out.shape[dim]
    if taken == length:
        walk.label(call.out, dims)
        return
    start, step = _start(call, length), call.args.get("step") or 1
    if step != 1:
        walk.axes.fix(dims[dim], "every so many of its units are taken")
        dims[dim] = walk.axes.constant(taken)
    else:
        pieces = walk.axes.cut(dims[dim], [start, taken, length - start - taken])
        for boundary, axis in ((start, pieces[0]), (taken, pieces[1])):
            if boundary:
                walk.written(boundary, axis)
        walk.starts_after(pieces[0])
        dims[dim] = pieces[1]
    walk.label(call.out, dims)


def _start(call: Call, length: int) -> int:
    start = call.args.get("start") or 0
    return min(start + length if start < 0 else start, length)


@rule("select")
def select(walk: Walk, call: Call) -> None:
    """Takes one index of a dimension by its number, so the dimension cannot be cut."""
    dims = list(walk.dims(call.tensor("self")))
    walk.axes.fix(dims.pop(call.args["dim"] % len(dims)), "one of its units is taken by its number")
    walk.label(call.out, dims)


@rule("unbind")
def unbind(walk: Walk, call: Call) -> None:
    """Takes each index of a dimension by its number, so the dimension cannot be cut."""
    dims = list(walk.dims(call.tensor("self")))
    walk.axes.fix(dims.pop(call.args["dim"] % len(dims)), "its units are taken one by one")
    for out in call.out:
        walk.label(out, dims)


@rule("chunk", "tensor_split")
def chunk(walk: Walk, call: Call) -> None:
    """Divides a dimension into equal parts, which stay equal only if they are cut alike."""
    pieces, equal = _pieces(walk, call), len({out.shape for out in call.out}) == 1
    for piece in pieces:
        if equal:
            walk.axes.unite(pieces[0], piece)
        else:
            walk.axes.fix(piece, "it is divided into parts of different lengths")


@rule("split", "unsafe_split")
def split(walk: Walk, call: Call) -> None:
    """Divides a dimension into parts of a length that was written as a number or computed from the whole length."""
    x, dim = call.tensor("self"), call.args["dim"]
    whole = walk.dims(x)[dim]
    if "split_size" not in call.args:
        split_with_sizes(walk, call)
        return
    chunk(walk, call)
    walk.written(call.out[0].shape[dim], walk.dims(call.out[0])[dim])
    walk.written(x.shape[dim], whole)


@rule("split_with_sizes")
def split_with_sizes(walk: Walk, call: Call) -> None:
    """Divides a dimension into parts of lengths that were written as numbers."""
    for piece, out in zip(_pieces(walk, call), call.out, strict=True):
        walk.written(out.shape[call.args["dim"]], piece)


def _pieces(walk: Walk, call: Call) -> list[Axis]:
    x = call.tensor("self")
    dims, dim = list(walk.dims(x)), call.args["dim"] % x.dim()
    pieces = walk.axes.cut(dims[dim], [out.shape[dim] for out in call.out])
    for out, piece in zip(call.out, pieces, strict=True):
        walk.label(out, [*dims[:dim], piece, *dims[dim + 1 :]])
    return pieces


@rule("index", "_unsafe_index", "index_select", "gather", "embedding")
def index(walk: Walk, call: Call) -> None:
    """Selects by a table of indices: neither the dimension selected from nor the resulting one can be cut."""
    x = call.tensor("weight" if call.name == "embedding" else "self")
    dims = list(walk.dims(x))
    picked = _picked(call)
    for i in picked:
        walk.axes.fix(dims[i], "its units are selected by a table")
    for table in _tables(call):
        for axis in walk.dims(table):
            walk.axes.fix(axis)
    passing = [axis for i, axis in enumerate(dims) if i not in picked]
    adjacent = picked == list(range(picked[0], picked[0] + len(picked)))
    at = picked[0] if adjacent else 0
    new = call.out.dim() - len(passing)
    made = [walk.axes.constant(n) for n in call.out.shape[at : at + new]]
    walk.label(call.out, [*passing[:at], *made, *passing[at:]])


def _tables(call: Call) -> list[torch.Tensor]:
    if call.name in ("index", "_unsafe_index"):
        return [table for table in call.args["indices"] if table is not None]
    return [call.tensor("indices" if call.name == "embedding" else "index")]


def _picked(call: Call) -> list[int]:
    if call.name == "embedding":
        return [0]
    if call.name == "gather":
        return list(range(call.out.dim()))
    if call.name == "index_select":
        return [call.args["dim"] % call.out.dim()]
    return [i for i, table in enumerate(call.args["indices"]) if table is not None]


@rule("roll", "flip")
def reorder(walk: Walk, call: Call) -> None:
    """Shifts or reverses dimensions, which cannot be cut because the result depends on their order."""
    dims = walk.dims(call.tensor("self"))
    shifted = call.args["dims"] if call.args["dims"] != [] else range(len(dims))
    for d in [shifted] if isinstance(shifted, int) else shifted:
        walk.axes.fix(dims[d], "its order is changed")
    walk.label(call.out, dims)


@rule("unfold")
def unfold(walk: Walk, call: Call) -> None:
    """Takes windows of one dimension, which cannot be cut; a new dimension holds the places in a window."""
    x = call.tensor("self")
    dims, dim = list(walk.dims(x)), call.args["dimension"] % x.dim()
    walk.axes.fix(dims[dim], "windows are taken from it")
    dims[dim] = walk.axes.constant(call.out.shape[dim])
    walk.label(call.out, [*dims, walk.axes.constant(call.out.shape[-1])])


@rule("im2col")
def windows_as_channels(walk: Walk, call: Call) -> None:
    """Takes windows of an image: the channels of the result are a grid of channels and of places in a window."""
    *batch, channels, height, width = walk.dims(call.tensor("self"))
    for axis in (height, width):
        walk.axes.fix(axis, "windows are taken from it")
    places = walk.axes.constant(math.prod(call.args["kernel_size"]))
    walk.label(call.out, [*batch, walk.axes.grid([channels, places]), walk.axes.constant(call.out.shape[-1])])


@rule("col2im")
def channels_as_windows(walk: Walk, call: Call) -> None:
    """Adds up windows where they overlap: the inverse of taking them."""
    *batch, grid, windows = walk.dims(call.tensor("self"))
    *_, made, height, width = call.out.shape
    channels, places = walk.axes.split(grid, [made, walk.axes.size(grid) // made])
    for axis in (places, windows):
        walk.axes.fix(axis, "windows of an image are made of it")
    walk.label(call.out, [*batch, channels, walk.axes.constant(height), walk.axes.constant(width)])
