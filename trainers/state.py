"""A training's state on disk: one safetensors file with weights, optimiser and history, written whole.

Ray Train's own checkpoint may be ignored if a worker dies soon after it was reported. So the last state is kept here,
where a restarted worker group finds it independently of Ray.
"""

import hashlib
import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ground.files import replaced
from trainers.errors import DamagedStateError, StateError
from trainers.history import EpochReport, History
from trainers.loop import Training
from trainers.tensors import write_tensors

_log = logging.getLogger(__name__)

_MODEL, _OPTIMIZER = "model.", "optimizer."


def save_state(path: Path, training: Training, history: History, identity: str) -> None:
    """Replace the state at `path` in one step: a reader sees the old one or the new one.

    Args:
        path: the state file.
        training: whose weights and optimiser are saved.
        history: all epochs so far.
        identity: of the job, see `trainers.job.identity_of`.

    Raises:
        OSError: the disk is full, or refuses it otherwise; the old state stays.
    """
    tensors = {_MODEL + name: value for name, value in training.model.state_dict().items()}
    for index, values in training.optimizer.state_dict()["state"].items():
        tensors |= {f"{_OPTIMIZER}{index}.{name}": value for name, value in values.items() if isinstance(value, Tensor)}
    metadata = {
        "identity": identity,
        "world": str(training.world),
        "history": json.dumps([asdict(report) for report in history]),
    }
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    metadata["sha256"] = _content_hash(metadata, tensors)
    with replaced(path, durable=True) as draft:
        write_tensors(tensors, draft, metadata)


def load_state(path: Path, training: Training, identity: str) -> History:
    """Restore the state at `path` into `training`.

    Returns:
        The epochs done; empty if there is no file.

    Raises:
        StateError: the file is of another training (`identity` differs).
        DamagedStateError: the file cannot be read, or is not as it was written.
    """
    found = _read(path, identity)
    if found is None:
        return ()
    metadata, tensors = found
    if metadata["world"] != str(training.world):
        _log.warning(
            "%s was saved by %s workers and continues on %s: the result will differ in the last digits from "
            "an undisturbed run's",
            path,
            metadata["world"],
            training.world,
        )
    history = _history(metadata)
    _restore(training, tensors)
    training.epochs_done = len(history)
    return history


def saved_history(path: Path, identity: str) -> History | None:
    """Read the epochs of the state at `path`; None if there is no file. Errors as in `load_state`."""
    found = _read(path, identity)
    return None if found is None else _history(found[0])


def _history(metadata: dict[str, str]) -> History:
    return tuple(EpochReport(**fields) for fields in json.loads(metadata["history"]))


def _read(path: Path, identity: str) -> tuple[dict[str, str], dict[str, Tensor]] | None:
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as stream:
            metadata: dict[str, str] = stream.metadata() or {}
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
        # States from before they had a hash are taken as they are.
        if metadata.get("sha256") not in (None, _content_hash(metadata, tensors)):
            raise ValueError("its hash differs")
        _history(metadata)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise DamagedStateError(f"{path} cannot be read ({error}): delete it to train from the start") from error
    if metadata.get("identity") != identity:
        raise StateError(
            f"{path} is the state of another training (other weights, data set, recipe or seed): "
            "delete it, or choose another output folder"
        )
    return metadata, tensors


def _content_hash(metadata: dict[str, str], tensors: dict[str, Tensor]) -> str:
    """A hash of all that the file holds: safetensors itself notices a file that was cut, but no changed bytes."""
    stated = {name: value for name, value in metadata.items() if name != "sha256"}
    digest = hashlib.sha256(json.dumps(stated, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _restore(training: Training, tensors: dict[str, Tensor]) -> None:
    model = {name.removeprefix(_MODEL): t for name, t in tensors.items() if name.startswith(_MODEL)}
    training.model.load_state_dict(model)
    state: dict[int, dict[str, Any]] = {}
    for name, value in tensors.items():
        if name.startswith(_OPTIMIZER):
            index, field = name.removeprefix(_OPTIMIZER).split(".", 1)
            state.setdefault(int(index), {})[field] = value
    groups = training.optimizer.state_dict()["param_groups"]
    with torch.no_grad():
        training.optimizer.load_state_dict({"state": state, "param_groups": groups})
