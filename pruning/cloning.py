"""A module's structure without its weights: deep copy's result at a fraction of its time.

`copy.deepcopy` walks every empty hook dictionary of every layer. Here all modules are made first and entered in
the memo, so that whatever else a layer holds can be deep-copied and still points at the copies.
"""

import copy
from collections import OrderedDict
from typing import Any

from torch import nn

_TABLES = ("_parameters", "_buffers", "_modules")
_ATOMS = (int, float, str, bool, type(None))


def clone_structure(model: nn.Module, tensors: dict[int, Any]) -> nn.Module:
    """A copy of `model` in which each parameter and buffer is the one that `tensors` gives for its `id`.

    Args:
        tensors: `id` of a parameter or buffer → what takes its place. One that is missing is deep-copied.
    """
    memo = dict(tensors)
    modules = list(model.modules())
    for module in modules:
        if hasattr(type(module), "__deepcopy__"):  # it knows better how it is copied
            return copy.deepcopy(model, dict(tensors))
        memo[id(module)] = type(module).__new__(type(module))
    for module in modules:
        clone = memo[id(module)]
        vars(clone).update({name: _copied(name, value, memo) for name, value in vars(module).items()})
    result: nn.Module = memo[id(model)]
    return result


def _copied(name: str, value: Any, memo: dict[int, Any]) -> Any:
    if isinstance(value, _ATOMS):
        return value
    if name in _TABLES:
        return type(value)((key, copy.deepcopy(held, memo)) for key, held in value.items())
    if isinstance(value, OrderedDict) and not value:
        return OrderedDict()
    return copy.deepcopy(value, memo)
