"""Open pruned models that others published: a state dict of a known architecture, or a whole pickled module.

A state dict (`.pth`) is read without executing code from the file; the shapes of its weights give the width of each
layer. A pickled module (`.pt`) runs its author's code when it is opened, so it needs the user's explicit trust.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from pruning.checkpoint import PrunedModel
from pruning.errors import AllocationError, CheckpointError, ModelCreationError, NoStateDictError
from pruning.heads import classes_of, head_names
from pruning.models import ModelSpec, create_model
from pruning.planning import build_plan
from pruning.slicing import slice_model
from pruning.trace import trace
from pruning.widths import allocation_from_shapes

_WRAPPERS = ("state_dict_ema", "state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "_orig_mod.")


def open_foreign(path: Path | str, spec: ModelSpec, *, trust_pickle: bool) -> PrunedModel:
    """Open a published file of either kind.

    It is read as a state dict first, so the trust is used only where it is needed.

    Args:
        path: the file.
        spec: the unpruned architecture.
        trust_pickle: whether the user trusts the file's author to run code.

    Raises:
        CheckpointError: as `open_state_dict` and `open_pickled_module`.
    """
    try:
        return open_state_dict(path, spec)
    except NoStateDictError:
        if not trust_pickle:
            raise
    return open_pickled_module(path, spec, trust_pickle=trust_pickle)


def open_state_dict(path: Path | str, spec: ModelSpec) -> PrunedModel:
    """Load a state dict into a module of the architecture `spec` whose widths are those of the file's weights.

    Such a file does not record which units of the unpruned base stayed, so `selection` counts them from zero. Nor does
    it record the scale of an attention whose head dims were cut. The base's scale is used: it is the author's, unless
    the author fine-tuned with torch's fused attention.

    Raises:
        NoStateDictError: the file is not a readable state dict.
        CheckpointError: no pruning of this architecture has these shapes.
    """
    return from_weights(_state_dict(Path(path)), spec, path)


def from_weights(weights: dict[str, torch.Tensor], spec: ModelSpec, path: Path | str) -> PrunedModel:
    """The same for a state dict that was read from `path`."""
    base = create_model(spec)
    plan = build_plan(base, spec, verify=False)
    try:
        allocation = allocation_from_shapes(plan, {name: tuple(t.shape) for name, t in weights.items()})
    except AllocationError as error:
        _check_head(weights, spec, path)
        raise CheckpointError(f"{path} is no pruning of {spec.name}: {error}") from error
    selection = tuple(tuple(range(count)) for count in allocation)
    module = slice_model(base, plan, selection)
    _fill(module, weights, path, spec)
    return PrunedModel(module.eval(), spec, plan.macs(allocation), plan.params(allocation), selection, {})


def _check_head(weights: dict[str, torch.Tensor], spec: ModelSpec, path: Path | str) -> None:
    """Say of weights that do not fit whether it is their head.

    Raises:
        CheckpointError: it is.
    """
    try:
        classes = classes_of(weights, head_names(spec))
    except ModelCreationError:
        return
    if classes not in (None, spec.num_classes):
        raise CheckpointError(
            f"{path} has a head for {classes:,} classes, and {spec.num_classes:,} are needed. A search of the unpruned "
            f"{spec.name} trains a new head with --base head:EPOCHS:FILE"
        )


def open_pickled_module(path: Path | str, spec: ModelSpec, *, trust_pickle: bool) -> PrunedModel:
    """Load a whole module from a pickle, which executes the code that its author put there.

    Args:
        path: the file.
        spec: the architecture; its input size is used to count MACs.
        trust_pickle: whether the user trusts the file's author to run code.

    Raises:
        CheckpointError: trust is missing, or the file cannot be unpickled or does not hold a module.
        UnsupportedModelError: the module does not run, or its MACs cannot be counted.
    """
    if not trust_pickle:
        raise CheckpointError(
            f"{path} is a pickled module: opening it runs its author's code. If you trust the author, pass "
            "--trust-pickle; a state dict (.pth) or a checkpoint written by Espalier needs no trust"
        )
    try:
        module = torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:
        raise CheckpointError(f"{path} could not be unpickled: {type(error).__name__}: {error}") from error
    if not isinstance(module, nn.Module):
        raise CheckpointError(f"{path} holds a {type(module).__name__}, not a torch module; try it as a state dict")
    macs = trace(module, spec.input_size).macs()
    return PrunedModel(module.eval(), spec, macs, sum(p.numel() for p in module.parameters()), (), {})


def _state_dict(path: Path) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise CheckpointError(f"there is no file {path}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise CheckpointError(f"{path} is not a readable safetensors file: {error}") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # an unpickler of foreign bytes raises anything
        reason = " ".join(str(error).split())[:200]
        raise NoStateDictError(
            f"{path} is not a state dict that can be read without running code in it ({reason}). "
            "A whole pickled module needs --trust-pickle"
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    if not isinstance(loaded, Mapping) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise NoStateDictError(f"{path} holds a {type(loaded).__name__} that is not a plain dict of tensors")
    return {_plain(name): tensor for name, tensor in loaded.items()}


def _plain(name: Any) -> str:
    text = str(name)
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    return text


def _fill(module: nn.Module, weights: dict[str, torch.Tensor], path: Path | str, spec: ModelSpec) -> None:
    own = module.state_dict()
    optional = {name for name in own if name.endswith(("num_batches_tracked", "relative_position_index"))}
    missing, extra = own.keys() - weights.keys() - optional, weights.keys() - own.keys() - optional
    if missing or extra:
        raise CheckpointError(
            f"{path} is no state dict of {spec.name}: it lacks {sorted(missing)[:3]} and has {sorted(extra)[:3]}"
        )
    for name, tensor in weights.items():
        if name in own and tensor.shape != own[name].shape:
            raise CheckpointError(
                f"{path}: {name} is {list(tensor.shape)}, but this pruning of {spec.name} with {spec.num_classes} "
                f"classes at {spec.input_size} has {list(own[name].shape)}"
            )
    module.load_state_dict(weights, strict=False)
