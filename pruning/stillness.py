"""Training passes without randomness, so that two of them can be compared."""

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

_UNWRITTEN = {"empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided"}


class Stillness(TorchDispatchMode):
    """Makes operations deterministic while it is active.

    Dropout is the identity, random floats are 0.5, random permutations are the natural order, and uninitialised memory
    holds zeros. An operation that both draws and computes from its input (a random pool) stays random: no two passes
    agree then, so passes that cannot be compared are never taken for equal.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
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
        double: tensors that a forward pass makes are float64, as the weights are: some models write into them.
    """
    fast_path, usual = torch.backends.mha.get_fastpath_enabled(), torch.get_default_dtype()
    torch.backends.mha.set_fastpath_enabled(False)
    if double:
        torch.set_default_dtype(torch.float64)
    try:
        with Stillness():
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
