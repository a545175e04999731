"""Proofs that were given before: an architecture proves itself once on a machine, not at every start.

The key hashes all that a proof depends on: every operation of every pass with each of its arguments, where each of its
tensors came from and how long it is, every owner map, every price, the input size, the versions of torch and timm,
and whatever of the model is not a weight: its tables, masks and loose tensors with their values. Weights play no part,
as they play none in the proof.
"""

import contextlib
import hashlib
import json
from pathlib import Path

import timm
import torch
from torch import nn

from ground.cache import cache_folder
from ground.files import write_whole
from pruning.cloning import is_activation
from pruning.following import content_hash
from pruning.oracles import is_drawn
from pruning.plan import Plan

_FORMAT = 2  # raise when the proof itself, or what slicing does, changes


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
    """The tensors that a proof leaves as they are, by name."""
    kept = [(name, t) for name, t in model.named_buffers() if not is_drawn(name, t)]
    for layer, module in model.named_modules():
        loose = ((n, v) for n, v in vars(module).items() if isinstance(v, torch.Tensor) and not is_activation(v))
        kept += [(f"{layer}.{name}", value) for name, value in loose]
    return [(name, content_hash(tensor)) for name, tensor in kept]


def proofs_folder() -> Path:
    """Where proofs are kept: `proofs/` in the user's cache folder."""
    return cache_folder() / "proofs"


def known_proof(folder: Path, key: str) -> str | None:
    """The words of the proof given before, if there is one. A file that cannot be read proves nothing."""
    path = folder / f"{key}.json"
    try:
        words = json.loads(path.read_text(encoding="utf-8"))["proof"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return f"{words} (proved before on this machine)" if isinstance(words, str) else None


def remember_proof(folder: Path, key: str, words: str) -> None:
    """Keep the words of a proof. Appears whole or not at all; a folder that cannot be written costs the next start
    another proof and nothing else, so it is not an error."""
    with contextlib.suppress(OSError):
        write_whole(folder / f"{key}.json", json.dumps({"proof": words}))
