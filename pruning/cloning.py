"""Copy a module's structure with other weights: the result of a deep copy in a fraction of its time.

`copy.deepcopy` visits every empty hook dictionary of every layer. Here all modules are created first and entered in
the memo, so that everything else that a layer holds can be deep-copied and still refers to the copies.

What a layer stored during an earlier forward pass (an attention map, a list of features, a loss) belongs to that pass's
graph and is not a weight: the copy starts without it, like the layer before its first forward pass.
"""

import copy
from collections import OrderedDict, deque
from types import CellType, FunctionType
from typing import Any

import torch
from torch import nn

_TABLES = ("_parameters", "_buffers", "_modules")
_HOOKS = ("_forward_hooks", "_forward_pre_hooks")
_ATOMS = (int, float, str, bool, type(None), torch.dtype)
_CONTAINERS = (OrderedDict, dict, list, set, tuple)


def clone_structure(model: nn.Module, tensors: dict[int, Any]) -> nn.Module:
    """Copy `model` with its parameters and buffers replaced.

    Args:
        model: the module to copy; it is not changed.
        tensors: `id` of a parameter or buffer → its replacement. One that is missing is deep-copied.
    """
    memo = dict(tensors)
    modules = list(model.modules())
    for module in modules:
        if hasattr(type(module), "__deepcopy__"):  # the module defines how it is copied
            return _in_modes_of(model, copy.deepcopy(model, dict(tensors)))
        memo[id(module)] = type(module).__new__(type(module))
    for module in modules:
        clone = memo[id(module)]
        vars(clone).update({name: _copy_value(name, value, memo) for name, value in vars(module).items()})
    result: nn.Module = memo[id(model)]
    return result


def _in_modes_of(model: nn.Module, clone: nn.Module) -> nn.Module:
    """Restore the modes of a copied fx graph, which loses them; calling `train` selects the graph for a mode."""
    clone.train(model.training)
    for module, copied in zip(model.modules(), clone.modules(), strict=True):
        if copied.training is not module.training:
            copied.training = module.training
    return clone


def is_activation(value: object) -> bool:
    """Whether `value` is a tensor that a forward pass computed and that still holds its graph."""
    return isinstance(value, torch.Tensor) and not value.is_leaf


def _copy_value(name: str, value: Any, memo: dict[int, Any]) -> Any:
    if isinstance(value, _ATOMS):
        return value
    if name in _TABLES:
        return type(value)((key, copy.deepcopy(held, memo)) for key, held in value.items())
    if type(value) in _CONTAINERS:
        # What two layers, or a layer and a hook, hold together is held together in the copy.
        if id(value) not in memo:
            memo[id(value)] = _copy_container(name, value, memo)
        return memo[id(value)]
    return _copy_content(value, memo)


def _copy_container(name: str, value: Any, memo: dict[int, Any]) -> Any:
    if not value:
        return type(value)()
    if name in _HOOKS:
        return type(value)((key, _copy_hook(hook, memo)) for key, hook in value.items())
    return _copy_content(value, memo)


def _copy_content(value: Any, memo: dict[int, Any]) -> Any:
    if is_activation(value):
        return None
    if caught := _activations(value, set()):
        memo.update((id(tensor), torch.empty(0)) for tensor in caught)
        value = _without_activations(value)
    return copy.deepcopy(value, memo)


def _copy_hook(hook: Any, memo: dict[int, Any]) -> Any:
    """The hook; if it is a closure, one over the copies of the layers and containers that it holds.

    A hook that stores a feature map in a dict of the model must store the copy's in the copy's dict.
    """
    if not isinstance(hook, FunctionType) or hook.__closure__ is None:
        return copy.deepcopy(hook, memo)
    cells = tuple(_copy_cell(cell, memo) for cell in hook.__closure__)
    copied = FunctionType(hook.__code__, hook.__globals__, hook.__name__, hook.__defaults__, cells)
    copied.__kwdefaults__ = hook.__kwdefaults__
    return copied


def _copy_cell(cell: CellType, memo: dict[int, Any]) -> CellType:
    try:
        held = cell.cell_contents
    except ValueError:  # not bound yet
        return cell
    if isinstance(held, nn.Module):
        return CellType(memo.get(id(held), held))
    return CellType(_copy_value("", held, memo)) if type(held) in _CONTAINERS else cell


def _activations(value: object, seen: set[int]) -> list[torch.Tensor]:
    """The activations that a layer keeps in containers or in other objects, such as the holder of a hook."""
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
    """Remove activations from containers; in named tuples and other objects they become empty tensors."""
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
