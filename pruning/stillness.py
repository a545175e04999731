"""Passes without randomness and in float64 throughout, so that two of them can be compared."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pruning.following import tensors_in

DROPOUTS = {
    "dropout", "dropout_", "feature_dropout", "feature_dropout_", "alpha_dropout", "alpha_dropout_",
    "feature_alpha_dropout", "feature_alpha_dropout_",
}  # fmt: skip

# What a model casts to for speed, or for the precision that it needs beside half: float64 has more than all of them.
_DOUBLE = {
    torch.float16: torch.float64, torch.bfloat16: torch.float64, torch.float32: torch.float64,
    torch.complex32: torch.complex128, torch.complex64: torch.complex128,
}  # fmt: skip
_UNWRITTEN = {"empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided"}


class Stillness(TorchDispatchMode):
    """Makes operations deterministic while it is active.

    Dropout is the identity, random floats are 0.5, random permutations are the natural order, and uninitialised memory
    holds zeros. An operation that both draws and computes from its input (a random pool) stays random: no two passes
    agree then, so passes that cannot be compared are never taken for equal.

    Args:
        double: what a model casts to a type of less precision, or makes of one, is float64. A norm that is computed in
            float32 would hide small differences, and make large ones of those that it does not hide.
    """

    def __init__(self, *, double: bool = False) -> None:
        super().__init__()
        self._double = double

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if self._double:
            args, kwargs, cast = _doubled(func, args, kwargs)
            if cast and func.overloadpacket is torch.ops.aten.to:  # to its own type it would not copy
                out = func(*args, **kwargs)
                return out.clone() if out is args[0] else out
        args = _undropped(func, args, kwargs)
        name = func.overloadpacket.__name__
        if name in _UNWRITTEN:
            return func(*args, **kwargs).zero_()
        if torch.Tag.nondeterministic_seeded not in func.tags:
            return func(*args, **kwargs)
        if name in DROPOUTS:
            return args[0] if name.endswith("_") else args[0].clone()
        out = func(*args, **kwargs)
        if name.startswith("randperm"):
            return out.copy_(torch.arange(len(out), device=out.device))
        if name.startswith(("rand", "bernoulli", "normal", "uniform", "exponential", "log_normal", "geometric")):
            for tensor in tensors_in(out):
                tensor.fill_(0.5 if tensor.is_floating_point() else 0)
        return out


@contextlib.contextmanager
def deterministic(*, double: bool = False) -> Iterator[None]:
    """Without randomness, and without the fast path that runs a whole attention layer as one operation.

    Args:
        double: tensors that a forward pass makes or casts are float64, as the weights are: some models write into
            them, and rounding stays far below what a fault does.
    """
    fast_path, usual = torch.backends.mha.get_fastpath_enabled(), torch.get_default_dtype()
    torch.backends.mha.set_fastpath_enabled(False)
    if double:
        torch.set_default_dtype(torch.float64)
    try:
        with Stillness(double=double):
            yield
    finally:
        torch.set_default_dtype(usual)
        torch.backends.mha.set_fastpath_enabled(fast_path)


def _undropped(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The arguments with the dropout inside a larger operation (attention, an LSTM) turned off."""
    for place, argument in enumerate(func._schema.arguments):
        if argument.name in ("dropout_p", "dropout") and argument.type.kind() == "FloatType":
            if place < len(args):
                args = (*args[:place], 0.0, *args[place + 1 :])
            elif argument.name in kwargs:
                kwargs[argument.name] = 0.0
    return args


def _doubled(func: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any], bool]:
    """The arguments with float64 in place of types of less precision, and whether a type that is asked for was one.

    Tensors that a model holds in such a type are cast where they meet float64: products want equal types.
    """
    args, cast = list(args), False
    for place, argument in enumerate(func._schema.arguments):
        if argument.name != "dtype" or func.overloadpacket is torch.ops.aten.view:
            continue
        if place < len(args) and args[place] in _DOUBLE:
            args[place], cast = _DOUBLE[args[place]], True
        elif kwargs.get("dtype") in _DOUBLE:
            kwargs["dtype"], cast = _DOUBLE[kwargs["dtype"]], True
    kinds = {tensor.dtype for tensor in tensors_in([*args, *kwargs.values()])}
    if not kinds.isdisjoint(_DOUBLE) and not kinds.isdisjoint(_DOUBLE.values()):
        start = int(func._schema.is_mutable)  # what is written into keeps its type
        args[start:] = [_doubled_tensors(value) for value in args[start:]]
        kwargs = {name: value if name == "out" else _doubled_tensors(value) for name, value in kwargs.items()}
    return tuple(args), kwargs, cast


def _doubled_tensors(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.to(_DOUBLE.get(value.dtype, value.dtype))
    return type(value)(map(_doubled_tensors, value)) if type(value) in (list, tuple) else value
