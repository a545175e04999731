"""A cache of proofs: an architecture is proved once per machine, not at every start.

The key hashes all that a proof depends on: every operation of every pass with its arguments, the origin and shape of
its tensors, every owner map, every price, the input size, the versions of torch and timm, and the values of all tensors
of the model that are not weights (tables, masks, tensors in plain attributes). Weights are left out, because the proof
does not depend on them.
"""

import hashlib
import json
from pathlib import Path

import timm
import torch
from torch import nn

from ground.cache import cache_folder, warn_damaged, warn_unusable
from ground.files import write_whole
from pruning.cloning import is_activation
from pruning.following import content_hash
from pruning.oracles import is_randomised
from pruning.plan import Plan

_FORMAT = 7  # increase when the proof itself, or what slicing does, changes


def structural_key(plan: Plan, model: nn.Module) -> str:
    """The hash of everything that a proof of `plan` on `model` depends on."""
    content = (
        _FORMAT,
        torch.__version__,
        timm.__version__,
        plan.spec.input_size,
        plan.passes,
        plan.axes,
        plan.groups,
        plan.owners,
        sorted(plan.parameters.items()),
        plan.attributes,
        plan.layer_costs,
        plan.baseline_macs,
        plan.baseline_params,
        plan.floor_macs(),
        _unweighted(model),
    )
    return hashlib.sha256(repr(content).encode()).hexdigest()


def _unweighted(model: nn.Module) -> list[tuple[str, str]]:
    """Names and hashes of the tensors that a proof does not randomise."""
    kept = [(name, t) for name, t in model.named_buffers() if not is_randomised(name, t)]
    for layer, module in model.named_modules():
        loose = ((n, v) for n, v in vars(module).items() if isinstance(v, torch.Tensor) and not is_activation(v))
        kept += [(f"{layer}.{name}", value) for name, value in loose]
    return [(name, content_hash(tensor)) for name, tensor in kept]


def proofs_folder() -> Path:
    """The folder of stored proofs: `proofs/` in the user's cache folder."""
    return cache_folder() / "proofs"


def known_proof(folder: Path, key: str) -> str | None:
    """The description of the stored proof, or None if there is none. A damaged file counts as none, with a warning."""
    path = folder / f"{key}.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        description = stored["proof"]
        if stored["key"] != key or not isinstance(description, str):
            raise ValueError("it is another plan's")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        warn_damaged(path, error)
        return None
    return f"{description} (proved before on this machine)"


def remember_proof(folder: Path, key: str, description: str) -> None:
    """Store a proof's description atomically.

    A folder that cannot be written is not an error: the only cost is another proof at the next start.
    """
    try:
        write_whole(folder / f"{key}.json", json.dumps({"key": key, "proof": description}))
    except OSError as error:
        warn_unusable(folder, error)
