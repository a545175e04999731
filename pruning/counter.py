"""The independent counter against which the plan's MACs are checked.

The convention is the total of fvcore's `FlopCountAnalysis`, which counts one multiply-add as one, at batch 1 in
eval mode with attention unfused (a fused attention hides its two products from fvcore). Worked numbers:

* `Conv2d(3, 10, 1)` on 10×10 pixels: 10·3·1·1·10·10 = 3,000; a bias is free; grouped: `prod(weight.shape) · pixels`.
* `Linear(1000, 10)`: 10,000, for each row that it is applied to.
* `q @ kᵀ` for 3 heads of 64 dims over 197 tokens: 3·197·64·197 = 7,451,328; the same again for `a @ v`.
* BatchNorm in eval mode: 2 per element of its input (1 without weights). LayerNorm, GroupNorm: 5 (4).
* `adaptive_avg_pool2d`: 1 per element of its input; a mean over pixels, other pools, activations, additions: 0.
* Upsampling: nearest 1, bilinear 4 per element of the output.
* `einsum`: the product of the lengths of all letters, for each pair of operands from the left. fvcore's own handler
  parses numpy's printed report, which has four digits only; it is replaced here by the exact product.
* `matmul` with a vector, which fvcore's handler does not take: a vector is a matrix of one row or column.
* `baddbmm`, and a deformable convolution (torchvision's): like `bmm`, and like any convolution; handlers are added.
* `scaled_dot_product_attention`, where a layer (torch's `MultiheadAttention`) has no unfused form: its two products.
  fvcore does not know the operation; its handler is added here.
* A convolution with `padding="same"` or `"valid"`: like any other; its handler is added here.

`Plan.variant_macs` leaves normalisation, pooling and resampling out.
"""

import contextlib
import logging
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from pruning.following import unfuse_attention
from pruning.inputs import InputSize, made_inputs
from pruning.outputs import tensors_of
from pruning.rules.contraction import contractions, read_equation


def count_macs(model: nn.Module, input_size: InputSize) -> int:
    """Count the MACs of `model` with fvcore, at batch 1. The model's modes and its attention are restored."""
    return macs_by_module(model, input_size)[""]


def macs_by_module(model: nn.Module, input_size: InputSize) -> dict[str, int]:
    """Count the MACs of each module with fvcore, its children included, by name; the whole model is `""`."""
    from fvcore.nn import FlopCountAnalysis  # imported on use: a command that counts nothing starts without it

    first = next(model.parameters())
    inputs = made_inputs(
        model, input_size, lambda shape: torch.zeros(1, *shape, device=first.device, dtype=first.dtype)
    )
    with _as_counted(model), torch.no_grad():
        analysis = FlopCountAnalysis(model, inputs)
        analysis.set_op_handle("aten::einsum", _exact_einsum)
        analysis.set_op_handle("aten::matmul", _product)
        analysis.set_op_handle("aten::baddbmm", _batched_addition)
        analysis.set_op_handle("torchvision::deform_conv2d", _convolution)
        analysis.set_op_handle("aten::_convolution_mode", _convolution)
        analysis.set_op_handle("aten::scaled_dot_product_attention", _two_products)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        return {name: int(macs) for name, macs in analysis.by_module().items()}


def _exact_einsum(inputs: list[Any], _outputs: list[Any]) -> int:
    shapes = [value.type().sizes() for value in inputs[1].node().inputs()]
    sources, target = read_equation(inputs[0].toIValue(), [len(shape) for shape in shapes])
    lengths: dict[str, int] = {}
    for names, shape in zip(sources, shapes, strict=True):
        lengths |= {name: n for name, n in zip(names, shape, strict=True) if n != 1 or name not in lengths}
    return sum(math.prod(lengths[name] for name in pair) for pair in contractions(sources, target))


def _product(inputs: list[Any], _outputs: list[Any]) -> int:
    a, b = (tensor.type().sizes() for tensor in inputs[:2])
    return int(math.prod(a) * (b[-1] if len(b) > 1 else 1))


def _batched_addition(inputs: list[Any], _outputs: list[Any]) -> int:
    return int(math.prod(inputs[1].type().sizes()) * inputs[2].type().sizes()[-1])


def _convolution(inputs: list[Any], outputs: list[Any]) -> int:
    """A convolution that fvcore does not know: one whose padding is a string (`same`), or a deformable one."""
    weight, out = inputs[1].type().sizes(), outputs[0].type().sizes()
    return int(math.prod(weight) * out[0] * math.prod(out[2:]))


def _two_products(inputs: list[Any], _outputs: list[Any]) -> int:
    query, key, value = (tensor.type().sizes() for tensor in inputs[:3])
    return math.prod(query) * key[-2] + math.prod(query[:-1]) * key[-2] * value[-1]


@contextlib.contextmanager
def _as_counted(model: nn.Module) -> Iterator[None]:
    fused = [(m, m.fused_attn) for m in model.modules() if hasattr(m, "fused_attn")]
    training = [m for m in model.modules() if m.training]
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    unfuse_attention(model.eval())
    # fvcore's tracer does not accept dataclasses or other custom outputs.
    flat = model.register_forward_hook(lambda _module, _inputs, output: tuple(tensors_of(output)))
    check = torch._check_with
    fast_path = torch.backends.mha.get_fastpath_enabled()
    # The fast path runs a whole attention layer as one operation, which fvcore does not count.
    torch.backends.mha.set_fastpath_enabled(False)
    # fvcore's tracer makes a tensor of every size, and torch checks no condition that is one (in `max_unpool2d`).
    vars(torch)["_check_with"] = lambda kind, holds, message: check(kind, bool(holds), message)
    try:
        yield
    finally:
        vars(torch)["_check_with"] = check
        flat.remove()
        torch.backends.mha.set_fastpath_enabled(fast_path)
        for module, was in fused:
            module.fused_attn = was
        for module in training:
            module.training = True
