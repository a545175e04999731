"""Linear layers and products of activations; as in fvcore, they cost their number of multiplications."""

import torch

from pruning.axes import Axis
from pruning.rules.registry import AxisUse, Call, CostKind, Walk, rule

_HEADS = 2  # the place of the heads, counted from the end: heads, rows, columns


@rule("linear")
def linear(walk: Walk, call: Call) -> None:
    """`y[…, o] = Σ_i w[o, i] x[…, i]`; costs `prod(x shape) · o`, the bias is free."""
    *rows, last = walk.dims(call.tensor("input"))
    outputs, inputs = walk.dims(call.tensor("weight"))
    walk.axes.unite(last, inputs)
    if (bias := call.args["bias"]) is not None:
        walk.axes.unite(walk.dims(bias)[0], outputs)
    walk.bind("in_features", inputs)
    walk.bind("out_features", outputs)
    walk.label(call.out, [*rows, outputs])
    walk.charge(CostKind.LINEAR, *rows, inputs, outputs)


@rule("matmul", "mm", "bmm")
def product(walk: Walk, call: Call) -> None:
    """`y[…, m, n] = Σ_k a[…, m, k] b[…, k, n]`; costs `prod(a shape) · n`."""
    a, b = list(call.args.values())[:2]
    if a.dim() < 2 or b.dim() < 2:
        _product_with_vector(walk, call, a, b)
        return
    *a_batch, rows, inner = walk.dims(a)
    *b_batch, other, columns = walk.dims(b)
    walk.axes.unite(inner, other)
    batch = _batch(walk, a_batch, b_batch)
    walk.label(call.out, [*batch, rows, columns])
    if len(batch) > 1:
        _note_attention(walk, batch, (rows, inner, columns))
    kind = CostKind.PRODUCTS if len(b_batch) else CostKind.LINEAR
    walk.charge(kind, *a_batch, rows, inner, columns)


def _product_with_vector(walk: Walk, call: Call, a: torch.Tensor, b: torch.Tensor) -> None:
    """A vector is a row on the left and a column on the right; the result lacks its dimension."""
    rows, columns = list(walk.dims(a)), list(walk.dims(b))
    inner, other = rows.pop(), columns.pop(-2 if b.dim() > 1 else -1)
    walk.axes.unite(inner, other)
    walk.label(call.out, [*columns[:-1], *rows, *columns[-1:]])
    walk.charge(CostKind.LINEAR, *rows, inner, *columns)


@rule("baddbmm")
def batched_addition(walk: Walk, call: Call) -> None:
    """`β · input + α · a @ b` for each matrix of a batch; costs `prod(a shape) · n`."""
    batch, rows, inner = walk.dims(call.tensor("batch1"))
    other_batch, other, columns = walk.dims(call.tensor("batch2"))
    walk.axes.unite(inner, other)
    walk.axes.unite(batch, other_batch)
    dims = [batch, rows, columns]
    for axis, added in zip(reversed(dims), reversed(walk.dims(call.tensor("self"))), strict=False):
        if walk.axes.size(added) == walk.axes.size(axis):
            walk.axes.unite(axis, added)
    walk.label(call.out, dims)
    walk.charge(CostKind.PRODUCTS, batch, rows, inner, columns)


def _batch(walk: Walk, a_batch: list[Axis], b_batch: list[Axis]) -> list[Axis]:
    longer, shorter = (a_batch, b_batch) if len(a_batch) >= len(b_batch) else (b_batch, a_batch)
    missing = len(longer) - len(shorter)
    merged = list(longer[:missing])
    for x, y in zip(longer[missing:], shorter, strict=True):
        if walk.axes.size(x) == walk.axes.size(y):
            walk.axes.unite(x, y)
        merged.append(x if walk.axes.size(x) > 1 else y)
    return merged


def _note_attention(walk: Walk, batch: list[Axis], matrix: tuple[Axis, ...]) -> None:
    for axis in batch:
        walk.note(axis, AxisUse.PRODUCT_BATCH)
    for axis in matrix:
        walk.note(axis, AxisUse.PRODUCT_INNER)


@rule("scaled_dot_product_attention")
def fused_attention(walk: Walk, call: Call) -> None:
    """`softmax(q kᵀ · scale) v`, which costs its two products.

    fvcore does not know the operation; `pruning.counter` adds a handler. Unless the scale is given, torch derives it
    from the number of dims, which therefore cannot be cut: the scale would change.
    """
    query, key, value = (call.tensor(name) for name in ("query", "key", "value"))
    *batch, rows, dims = walk.dims(query)
    *key_batch, columns, key_dims = walk.dims(key)
    *value_batch, value_columns, outputs = walk.dims(value)
    if len(batch) != len(key_batch) or call.args.get("enable_gqa"):
        for axis in (*batch, *key_batch, *value_batch):
            walk.axes.fix(axis, "several heads of queries share one of keys")
        key_batch = value_batch = batch
    walk.axes.unite(dims, key_dims)
    walk.axes.unite(columns, value_columns)
    walk.axes.fix(columns, "fused attention weighs them against each other")
    _batch(walk, _batch(walk, batch, key_batch), value_batch)
    if call.args["scale"] is None:
        walk.axes.fix(dims, "fused attention divides by the root of its length")
    if (mask := call.args["attn_mask"]) is not None:
        _follow_mask(walk, walk.dims(mask), [*batch, rows, columns])
    walk.label(call.out, [*batch, rows, outputs])
    _note_attention(walk, batch, (rows, columns, dims, outputs))
    walk.charge(CostKind.PRODUCTS, *batch, rows, dims, columns)
    walk.charge(CostKind.PRODUCTS, *batch, rows, columns, outputs)


def _follow_mask(walk: Walk, mask: tuple[Axis, ...], scores: list[Axis]) -> None:
    """The mask is added to the scores of all heads, or has its own for each head, which follows the head."""
    for place, (axis, met) in enumerate(zip(reversed(mask), reversed(scores), strict=False)):
        if walk.axes.size(axis) == walk.axes.size(met) and place == _HEADS:
            walk.axes.unite(axis, met)
        else:
            walk.axes.fix(axis)


@rule("bilinear")
def bilinear(walk: Walk, call: Call) -> None:
    """`y[…, o] = Σ_ij w[o, i, j] a[…, i] b[…, j]`; fvcore does not know it, so it is free."""
    *rows, first = walk.dims(call.tensor("input1"))
    *others, second = walk.dims(call.tensor("input2"))
    outputs, *inputs = walk.dims(call.tensor("weight"))
    for axis, met in zip((*rows, first, second), (*others, *inputs), strict=True):
        walk.axes.unite(axis, met)
    if (bias := call.args["bias"]) is not None:
        walk.axes.unite(walk.dims(bias)[0], outputs)
    walk.bind("in1_features", inputs[0])
    walk.bind("in2_features", inputs[1])
    walk.bind("out_features", outputs)
    walk.label(call.out, [*rows, outputs])


@rule("addmm")
def addmm(walk: Walk, call: Call) -> None:
    """`bias + a @ b`, the older form of a linear layer."""
    rows, inner = walk.dims(call.tensor("mat1"))
    other, columns = walk.dims(call.tensor("mat2"))
    walk.axes.unite(inner, other)
    bias = walk.dims(call.tensor("self"))
    if walk.axes.size(bias[-1]) > 1:
        walk.axes.unite(bias[-1], columns)
    walk.label(call.out, [rows, columns])
    walk.charge(CostKind.LINEAR, rows, inner, columns)
