"""A training's state on disk: safetensors files with weights, optimiser and history, each written whole.

Ray Train's own checkpoint may be ignored if a worker dies soon after it was reported. So the last states are kept here,
where a restarted worker group finds them independently of Ray: `state.safetensors` is the newest, `state.1.safetensors`
the one before, and so on.
"""

import hashlib
import itertools
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ground.files import replaced
from trainers.errors import DamagedStateError, StateError
from trainers.history import EpochReport, History
from trainers.identity import Identity, check_identity
from trainers.loop import Training, Within
from trainers.memory import out_of_memory
from trainers.tensors import write_tensors

_log = logging.getLogger(__name__)

KEPT = 3
"""How many states are kept: where the newest is damaged, an older one is used."""

_MODEL, _OPTIMIZER, _AVERAGE, _CHANCE, _LOSS = "model.", "optimizer.", "average.", "chance", "loss"


@dataclass(frozen=True, slots=True)
class SavedState:
    """A state as it was read from a file.

    Attributes:
        metadata: what is no tensor, as text.
        tensors: by name; on the CPU.
    """

    metadata: Mapping[str, str]
    tensors: Mapping[str, Tensor]

    @property
    def history(self) -> History:
        """The epochs that were done."""
        return tuple(EpochReport(**fields) for fields in json.loads(self.metadata["history"]))


@dataclass(frozen=True, slots=True)
class Around:
    """What a state says of the training that is no part of the model and its optimiser.

    Attributes:
        history: all epochs so far.
        identity: of the job.
        chances: of each worker, the state of the generators that the model draws from; none between two epochs.
        losses: of each worker, the sum of the losses within the epoch; likewise.
        wall_s: seconds that the epoch has taken so far.
    """

    history: History
    identity: Identity
    chances: Sequence[Tensor] = ()
    losses: Sequence[Tensor] = ()
    wall_s: float = 0.0


def save_state(path: Path, training: Training, around: Around) -> None:
    """Replace the state at `path` in one step, and keep the former ones beside it.

    Args:
        path: the state file.
        training: whose weights and optimiser are saved.
        around: the rest.

    Raises:
        OSError: the disk is full, or refuses it otherwise; the old states stay.
    """
    tensors = {_MODEL + name: value for name, value in training.model.state_dict().items()}
    for index, values in training.optimizer.state_dict()["state"].items():
        tensors |= {f"{_OPTIMIZER}{index}.{name}": value for name, value in values.items() if isinstance(value, Tensor)}
    if training.average is not None:
        tensors |= {_AVERAGE + name: value for name, value in training.average.state().items()}
    if around.chances:
        tensors |= {_CHANCE: torch.stack(tuple(around.chances)), _LOSS: torch.stack(tuple(around.losses))}
    metadata = {
        "identity": json.dumps(around.identity, sort_keys=True),
        "world": str(training.world),
        "history": json.dumps([asdict(report) for report in around.history]),
        "step": str(training.within.steps),
        "steps": str(training.steps_per_epoch),
        "wall_s": repr(around.wall_s),
    }
    if training.micro_batch is not None:
        metadata["micro_batch"] = str(training.micro_batch)
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    metadata["sha256"] = _content_hash(metadata, tensors)
    with replaced(path, durable=True) as draft:
        write_tensors(tensors, draft, metadata)
        _age(path)


def state_paths(path: Path) -> Iterator[Path]:
    """Where states may be, the newest first."""
    return (path.with_suffix(f".{age}{path.suffix}") if age else path for age in range(KEPT))


def _age(path: Path) -> None:
    """Give each state the name of the next older one; the oldest is replaced."""
    paths = list(state_paths(path))
    for newer, older in reversed(list(itertools.pairwise(paths))):
        if newer.exists():
            newer.replace(older)


def read_state(path: Path, identity: Identity) -> SavedState | None:
    """Read the newest state that is whole; damaged ones are deleted, with a word.

    Returns:
        The state; None if there is none.

    Raises:
        StateError: it is of another training, and which part of `identity` differs.
    """
    for place in state_paths(path):
        if not place.exists():
            continue
        try:
            found = _read(place)
        except DamagedStateError as error:
            _log.warning("%s; it is deleted, and the state before it is used if there is one", error)
            place.unlink()
            continue
        check_identity(place, found.metadata["identity"], identity)
        if place != path:
            _log.warning("the training goes on from %s, an older state: what came after it is trained again", place)
        return found
    return None


def _read(path: Path) -> SavedState:
    try:
        with safe_open(path, framework="pt") as stream:
            metadata: dict[str, str] = stream.metadata() or {}
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
        # States from before they had a hash are taken as they are.
        if metadata.get("sha256") not in (None, _content_hash(metadata, tensors)):
            raise ValueError("its hash differs")
        if missing := {"identity", "world", "history"} - metadata.keys():
            raise ValueError(f"it lacks {', '.join(sorted(missing))}")
        found = SavedState(metadata, tensors)
        _ = found.history
    except OSError as error:
        # Of the disk or the network, or not ours to read: the file may be whole, so it is not deleted.
        raise StateError(f"{path} cannot be read ({error}): the training can go on once it can be") from error
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        if out_of_memory(error):
            raise
        raise DamagedStateError(f"{path} cannot be read ({error})") from error
    return found


def restore_state(found: SavedState, training: Training, rank: int) -> History:
    """Continue from a state: set weights, optimiser and how far the training has got.

    With another number of workers than it was saved by, it goes on at the nearest step.

    Returns:
        The epochs done.
    """
    _restore_weights(training, found.tensors)
    history, saved = found.history, found.metadata
    training.epochs_done = len(history)
    world = int(saved["world"])
    if world != training.world:
        _log.warning(
            "the state was saved by %d workers and continues on %d: the result will differ in the last digits from "
            "an undisturbed run's",
            world,
            training.world,
        )
    elif "micro_batch" in saved:
        training.micro_batch = int(saved["micro_batch"])
    if int(saved.get("step", 0)):
        training.within = _restored_within(found, training, rank, world)
    return history


def _restored_within(found: SavedState, training: Training, rank: int, world: int) -> Within:
    saved = found.metadata
    done, of = int(saved["step"]), int(saved["steps"])
    losses, chances = found.tensors[_LOSS], found.tensors[_CHANCE]
    step = done if of == training.steps_per_epoch else done * training.steps_per_epoch // of
    loss = losses[rank] if world == training.world else losses.mean()
    return Within(
        step,
        (loss * (step / done)).to(training.device),
        chances[rank] if world == training.world else None,
        float(saved["wall_s"]),
    )


def _content_hash(metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    """A hash of all that the file holds: safetensors itself notices a file that was cut, but no changed bytes."""
    stated = {name: value for name, value in metadata.items() if name != "sha256"}
    digest = hashlib.sha256(json.dumps(stated, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _restore_weights(training: Training, tensors: Mapping[str, Tensor]) -> None:
    model = {name.removeprefix(_MODEL): t for name, t in tensors.items() if name.startswith(_MODEL)}
    training.model.load_state_dict(model)
    if training.average is not None:
        average = {name.removeprefix(_AVERAGE): t for name, t in tensors.items() if name.startswith(_AVERAGE)}
        training.average.restore(average)
    state: dict[int, dict[str, Any]] = {}
    for name, value in tensors.items():
        if name.startswith(_OPTIMIZER):
            index, field = name.removeprefix(_OPTIMIZER).split(".", 1)
            state.setdefault(int(index), {})[field] = value
    groups = training.optimizer.state_dict()["param_groups"]
    with torch.no_grad():
        training.optimizer.load_state_dict({"state": state, "param_groups": groups})
