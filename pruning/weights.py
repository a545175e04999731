"""Read weights from files as people save them, and fit their names to a model's.

A file is read without running code in it. What may stand beside the weights (a Namespace of arguments, numbers of
numpy, paths) is allow-listed; anything else needs the user's trust. Of several sets of weights one is taken, and it is
said which.
"""

import argparse
import collections
import pathlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from pruning.errors import CheckpointError, NoStateDictError

SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".tar", ".bin", ".pkl")
"""Of files that hold weights; the name of one may have any other."""
_EMA = ("state_dict_ema", "model_ema", "ema_state_dict", "ema_model", "ema")
_KEYS = (*_EMA, "state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "module")
_PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.", "net.", "network.")
_DEEPEST = 4
_COUNTERS = ("total_ops", "total_params", "n_averaged", "num_batches_tracked", "relative_position_index", "attn_mask")
"""Ends of names of what is no weight: counters of thop and of averaging, and tables that a model makes itself."""
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Found:
    """What a file holds.

    Attributes:
        weights: tensors by name, as they stand in the file; None if it holds a whole module.
        module: a whole module; None if it holds weights.
        notes: what was taken of it, where there was a choice, in sentences.
    """

    weights: dict[str, torch.Tensor] | None
    module: nn.Module | None
    notes: tuple[str, ...] = ()


def read_file(path: Path | str, *, trust_pickle: bool = False) -> Found:
    """Read the weights of a file, or the whole module in it.

    Args:
        path: a file of torch (plain, zipped or old) or of safetensors.
        trust_pickle: whether the user trusts the file's author to run code. It is used only where it is needed.

    Raises:
        NoStateDictError: it holds what cannot be read without running its author's code, and trust is missing.
        CheckpointError: it is missing, cannot be read, or holds no weights.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"there is no file {path}" if not path.exists() else f"{path} is no file")
    try:
        if path.suffix == ".safetensors":
            return Found(load_file(path), None)
        with torch.serialization.safe_globals(_harmless()):
            return _chosen(torch.load(path, map_location="cpu", weights_only=True), path)
    except SafetensorError as error:
        raise CheckpointError(f"{path} is not a readable safetensors file: {error}") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    except CheckpointError:
        raise
    except Exception as error:  # an unpickler of foreign bytes raises anything
        if trust_pickle:
            return _chosen(_unpickled(path), path)
        reason = " ".join(str(error).split())[:200]
        raise NoStateDictError(
            f"{path} is not a state dict that can be read without running code in it ({reason}). "
            "A whole pickled module, alone or in a dict, needs --trust-pickle"
        ) from error


def _unpickled(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:
        raise CheckpointError(f"{path} could not be unpickled: {type(error).__name__}: {error}") from error


def _harmless() -> list[Any]:
    """What may stand beside weights: none of it does more than hold a value."""
    scalar: Any = np.float64(0).__reduce__()[0]  # by which numpy pickles its numbers
    kinds = [kind for name in dir(np.dtypes) if isinstance(kind := getattr(np.dtypes, name), type)]
    return [
        *(argparse.Namespace, collections.defaultdict, pathlib.PosixPath, pathlib.PurePosixPath, np.dtype, *kinds),
        *(scalar, (scalar, "numpy.core.multiarray.scalar")),
    ]


def _chosen(loaded: object, path: Path) -> Found:
    """The weights, or the module, that a file is about."""
    value, way = loaded, []
    left: list[str] = []
    while isinstance(value, Mapping) and not _is_state_dict(value):
        keys = [key for key in _KEYS if _holds_weights(value.get(key))]
        if not keys:
            break
        left += [repr(key) for key in keys[1:]]
        way.append(keys[0])
        value = value[keys[0]]
    notes = []
    if left:
        averaged = ", the averaged ones," if way and any(key in _EMA for key in way) else ""
        notes.append(f"{path}: the weights{averaged} under {'.'.join(way)!r} were taken, not {' or '.join(left)}")
    if isinstance(value, nn.Module):
        return Found(None, value, tuple(notes))
    if not isinstance(value, Mapping) or not _is_state_dict(value):
        held = f"a dict of {', '.join(map(repr, list(value)[:5]))}" if isinstance(value, Mapping) else _a(value)
        raise NoStateDictError(f"{path} holds {held} that is not a plain dict of tensors")
    weights = {str(name): tensor for name, tensor in value.items() if isinstance(tensor, torch.Tensor)}
    kinds = {tensor.dtype for tensor in weights.values() if tensor.is_floating_point()}
    if kinds & {torch.float16, torch.bfloat16}:
        notes.append(f"{path}: its weights are stored in half precision")
    return Found(weights, None, tuple(notes))


def _a(value: object) -> str:
    return f"a {type(value).__name__}"


def _holds_weights(value: object) -> bool:
    if isinstance(value, nn.Module):
        return True
    return isinstance(value, Mapping) and (_is_state_dict(value) or any(_holds_weights(value.get(k)) for k in _KEYS))


def _is_state_dict(value: Mapping[Any, Any]) -> bool:
    """Whether it holds tensors by name, and beside them at most plain values."""
    tensors = sum(isinstance(part, torch.Tensor) for part in value.values())
    plain = sum(isinstance(part, (int, float, str, bytes, type(None))) for part in value.values())
    return bool(tensors) and tensors + plain == len(value) and all(isinstance(key, str) for key in value)


def fitted(weights: Mapping[str, torch.Tensor], model: nn.Module) -> dict[str, torch.Tensor]:
    """The weights under the names that they have in `model`, without counters that it lacks.

    The prefixes of wrappers are removed, in the combination by which the most names fit.
    """
    own = model.state_dict().keys()
    best, most = dict(weights), -1
    for names in _renamings(list(weights)):
        fits = len(own & set(names))
        if fits > most and len(set(names)) == len(names):
            best, most = dict(zip(names, weights.values(), strict=True)), fits
    made = {name for name, _ in model.named_buffers()} - own
    return {
        name: tensor
        for name, tensor in best.items()
        if name in own or not (name in made or name.rpartition(".")[2] in _COUNTERS)
    }


def _renamings(names: list[str]) -> Iterator[list[str]]:
    """The names without every combination of prefixes; combinations of fewer first."""
    level = [names]
    seen = {tuple(names)}
    for _ in range(_DEEPEST + 1):
        yield from level
        shorter = []
        for current in level:
            for prefix in _PREFIXES:
                # torch.compile wraps layers, too; all other wrappers stand in front
                new = [_without(name, prefix) for name in current]
                if tuple(new) not in seen:
                    seen.add(tuple(new))
                    shorter.append(new)
        level = shorter


def _without(name: str, prefix: str) -> str:
    return name.replace(prefix, "") if prefix == "_orig_mod." else name.removeprefix(prefix)


def optional_names(names: Collection[str]) -> set[str]:
    """Those of a model's names that a file may lack: the model makes them itself."""
    return {name for name in names if name.endswith(("num_batches_tracked", "relative_position_index"))}


def mismatch(weights: Mapping[str, torch.Tensor], model: nn.Module, *, shapes: bool = True) -> str | None:
    """How the weights differ from what `model` needs, with the first few names of each kind; None if they fit.

    Args:
        weights: as `fitted` returns them.
        model: the model.
        shapes: whether shapes must agree, too; those of a pruned model cannot yet.
    """
    own = model.state_dict()
    missing = [name for name in own if name not in weights and name not in optional_names(own)]
    extra = [name for name in weights if name not in own]
    other = [n for n, tensor in weights.items() if shapes and n in own and tensor.shape != own[n].shape]
    texts = [
        _listed(missing, f"of {len(own):,} that the model has are missing"),
        _listed(extra, "are unexpected"),
        _listed([f"{n} {list(weights[n].shape)} for {list(own[n].shape)}" for n in other], "have another shape"),
    ]
    return "; ".join(text for text in texts if text) or None


def _listed(names: list[str], what: str) -> str:
    rest = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return f"{len(names):,} {what} ({', '.join(names[:_SHOWN])}{rest})" if names else ""


def load_into(module: nn.Module, path: Path | str, name: str, *, trust_pickle: bool = False) -> tuple[str, ...]:
    """Load the weights of a file into the whole model that they belong to.

    Args:
        module: is changed in place.
        path: the file.
        name: what the model is called, for the error.
        trust_pickle: see `read_file`; of a whole module its weights are taken.

    Returns:
        What was taken of the file, where there was a choice.

    Raises:
        CheckpointError: it cannot be read, or its keys or their shapes are not the model's; they are named.
    """
    found = read_file(path, trust_pickle=trust_pickle)
    given = found.weights if found.module is None else found.module.state_dict()
    weights = fitted(given or {}, module)
    wrong = mismatch(weights, module)
    if wrong is not None:
        raise CheckpointError(f"{path} does not hold the weights of {name}: of its keys {wrong}")
    module.load_state_dict(weights, strict=False)
    return found.notes
