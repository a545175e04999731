"""Proofs that were given before: an architecture proves itself once on a machine, not at every start.

The key hashes what a proof is about: the operations that the model ran, every owner map, every parameter's owners,
every price, the input size and the versions of torch and timm. Weights play no part in it, as they play none in
the proof.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import timm
import torch

from pruning.blueprint import Plan
from pruning.trace import Trace

_FORMAT = 1  # raise when the proof itself, or what slicing does, changes


def structural_key(trace: Trace, plan: Plan) -> str:
    """The hash of everything that a proof of `plan` depends on."""
    content = (
        _FORMAT,
        torch.__version__,
        timm.__version__,
        plan.spec.input_size,
        trace.operations,
        plan.groups,
        plan.owners,
        sorted(plan.parameters.items()),
        plan.attributes,
        plan.layer_costs,
        plan.baseline_macs,
        plan.baseline_params,
        plan.floor_macs(),
    )
    return hashlib.sha256(repr(content).encode()).hexdigest()


def proofs_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """`proofs/` under $ESPALIER_CACHE_DIR, or under espalier/ in $XDG_CACHE_HOME or ~/.cache."""
    if own := environment.get("ESPALIER_CACHE_DIR"):
        return Path(own) / "proofs"
    shared = environment.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "espalier" / "proofs"


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
    path = folder / f"{key}.json"
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps({"proof": words}), encoding="utf-8")
        temporary.replace(path)
    except OSError:
        return
