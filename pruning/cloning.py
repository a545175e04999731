"""A module's structure without its weights: deep copy's result at a fraction of its time.

`copy.deepcopy` walks every empty hook dictionary of every layer. Here all modules are made first and entered in
the memo, so that whatever else a layer holds can be deep-copied and still points at the copies.

What a layer caught of an earlier forward pass (an attention map, a list of features, a loss) hangs on that pass's graph
and is nobody's weight: the copy starts without it, as the layer did before it first ran.
"""

import copy
from collections import OrderedDict, deque
from types import FunctionType
from typing import Any

import torch
from torch import nn

_TABLES = ("_parameters", "_buffers", "_modules")
_ATOMS = (int, float, str, bool, type(None), torch.dtype)
_CONTAINERS = (OrderedDict, dict, list, set, tuple)


def clone_structure(model: nn.Module, tensors: dict[int, Any]) -> nn.Module:
    """A copy of `model` in which each parameter and buffer is the one that `tensors` gives for its `id`.

    Args:
        tensors: `id` of a parameter or buffer → what takes its place. One that is missing is deep-copied.
    """
    memo = dict(tensors)
    modules = list(model.modules())
    for module in modules:
        if hasattr(type(module), "__deepcopy__"):  # it knows better how it is copied
            return _in_modes_of(model, copy.deepcopy(model, dict(tensors)))
        memo[id(module)] = type(module).__new__(type(module))
    for module in modules:
        clone = memo[id(module)]
        vars(clone).update({name: _copied(name, value, memo) for name, value in vars(module).items()})
    result: nn.Module = memo[id(model)]
    return result


def _in_modes_of(model: nn.Module, clone: nn.Module) -> nn.Module:
    """An fx graph's copy forgets its modes; a graph for each mode is chosen by calling `train`."""
    clone.train(model.training)
    for module, copied in zip(model.modules(), clone.modules(), strict=True):
        if copied.training is not module.training:
            copied.training = module.training
    return clone


def is_activation(value: object) -> bool:
    """Whether a tensor was computed by a forward pass whose graph it still holds."""
    return isinstance(value, torch.Tensor) and not value.is_leaf


def _copied(name: str, value: Any, memo: dict[int, Any]) -> Any:
    if isinstance(value, _ATOMS):
        return value
    if name in _TABLES:
        return type(value)((key, copy.deepcopy(held, memo)) for key, held in value.items())
    if type(value) in _CONTAINERS and not value:
        return type(value)()
    if is_activation(value):
        return None
    if caught := _activations(value, set()):
        memo.update((id(tensor), torch.empty(0)) for tensor in caught)
        value = _without_activations(value)
    return copy.deepcopy(value, memo)


def _activations(value: object, seen: set[int]) -> list[torch.Tensor]:
    """Those that a layer keeps in containers or in objects of its own, such as the holder of a hook."""
    if id(value) in seen or isinstance(value, (*_ATOMS, nn.Module, type, FunctionType)):
        return []
    seen.add(id(value))
    if isinstance(value, torch.Tensor):
        return [value] if is_activation(value) else []
    if isinstance(value, dict):
        parts: list[object] = list(value.values())
    elif isinstance(value, (list, tuple, set, deque)):
        parts = list(value)
    else:
        parts = [*getattr(value, "__dict__", {}).values(), getattr(value, "__self__", None)]
    return [tensor for part in parts for tensor in _activations(part, seen)]


def _without_activations(value: Any) -> Any:
    """Containers without the activations in them; in named tuples and other objects they become empty tensors."""
    if isinstance(value, dict):
        kept = copy.copy(value)
        kept.clear()
        kept.update((key, _without_activations(part)) for key, part in value.items() if not is_activation(part))
        return kept
    if isinstance(value, (list, deque)):
        rest = copy.copy(value)
        rest.clear()
        rest.extend(_without_activations(part) for part in value if not is_activation(part))
        return rest
    if type(value) in (tuple, set):
        return type(value)(_without_activations(part) for part in value if not is_activation(part))
    return value
