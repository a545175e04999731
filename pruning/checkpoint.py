"""Save and load pruned models without pickle: `model.safetensors` for weights, `architecture.json` for the rest.

`architecture.json` names the unpruned architecture and the units that stayed, so a new process rebuilds the
module without training code. Its hashes and counts are checked when it is read.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from ground.files import file_hash, folder_replaced, replaced
from ground.problems import describe_problems
from pruning.errors import CheckpointError, PruningError
from pruning.factories import check_factory
from pruning.inputs import LARGEST_SIDE, MOST_CHANNELS, checked_size
from pruning.models import ModelSpec, create_model
from pruning.plan import Plan
from pruning.planning import build_plan
from pruning.preprocessing import Preprocessing
from pruning.slicing import Selection, slice_model

WEIGHTS = "model.safetensors"
ARCHITECTURE = "architecture.json"
_SCHEMA = 1
# Far beyond any image classifier. A file that states more would only run this machine out of memory.
MOST_CLASSES = 1_000_000
_LONGEST_NAME = 500
_LARGEST_DOCUMENT = 64 * 2**20


def _check_shape(shape: list[int]) -> list[int]:
    """Images within the limits of images, other inputs within those of `checked_size`."""
    limits = (MOST_CHANNELS, LARGEST_SIDE, LARGEST_SIDE)
    if len(shape) == len(limits) and not all(1 <= n <= most for n, most in zip(shape, limits, strict=True)):
        raise ValueError(f"{shape} is no size of an image: at most {list(limits)} would work")
    checked_size(tuple(shape))
    return shape


_InputName = Annotated[str, Field(max_length=_LONGEST_NAME)]
_Shape = Annotated[list[int], AfterValidator(_check_shape)]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(max_length=_LONGEST_NAME)]
    num_classes: Annotated[int, Field(ge=0, le=MOST_CLASSES)]
    input_size: _Shape | dict[_InputName, _Shape]
    output: Annotated[str, Field(max_length=_LONGEST_NAME)] | None = None


class Architecture(BaseModel):
    """The contents of `architecture.json`.

    Attributes:
        schema_version: version of the format; the field is called `schema` in the file.
        spec: the unpruned architecture.
        groups: names of the plan's groups.
        allocation: number of units that stayed, per group.
        selection: indices of the units that stayed, per group.
        counter: the convention by which MACs are counted.
        macs: at batch 1 and the spec's input size, by `counter`.
        params: number of parameters.
        baseline_macs: MACs of the unpruned model.
        baseline_params: number of parameters of the unpruned model.
        recipe: metadata of the author's choice, such as strategy, training and accuracy.
        preprocessing: what is done to an image before the model sees it; None where its dataset alone decides that, or
            where an earlier version wrote the file.
        weights_sha256: hash of the safetensors file.
        sha256: hash of this document without this field, as canonical JSON.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = Field(alias="schema")
    spec: _Spec
    groups: list[str]
    allocation: list[int]
    selection: list[list[int]]
    counter: str
    macs: int
    params: int
    baseline_macs: int
    baseline_params: int
    recipe: dict[str, Any]
    preprocessing: Preprocessing | None = None
    weights_sha256: str
    sha256: str

    @property
    def model_spec(self) -> ModelSpec:
        """The unpruned architecture, as it is created."""
        return ModelSpec.from_json(self.spec.model_dump())


@dataclass(frozen=True, slots=True)
class PrunedModel:
    """A pruned module read from a file, in eval mode, and what is known about it.

    Attributes:
        module: the pruned module.
        spec: the unpruned architecture.
        macs: MACs of the pruned module at batch 1.
        params: its number of parameters.
        selection: indices of the units that stayed, per group.
        metadata: the contents of `architecture.json`; empty for files from elsewhere.
        preprocessing: what is done to an image before the model sees it, where the file says so.
        notes: what was taken of a file from elsewhere, where there was a choice.
    """

    module: nn.Module
    spec: ModelSpec
    macs: int
    params: int
    selection: Selection
    metadata: Mapping[str, Any]
    preprocessing: Preprocessing | None = None
    notes: tuple[str, ...] = ()


def save_pruned(
    model: nn.Module,
    plan: Plan,
    selection: Selection,
    directory: Path | str,
    *,
    recipe: Mapping[str, Any] | None = None,
    preprocessing: Preprocessing | None = None,
) -> Path:
    """Write a pruned model to a folder.

    Args:
        model: the result of `slice_model(base, plan, selection)`, fine-tuned or not.
        plan: the plan that the model was sliced by.
        selection: the units that the model was sliced to.
        directory: the folder, which is created if needed.
        recipe: metadata to store, as JSON values.
        preprocessing: what is done to an image before the model sees it, where its dataset does not decide that alone.

    Returns:
        The folder.

    Raises:
        CheckpointError: the module does not have the parameters of this selection.
    """
    folder = Path(directory)
    allocation = [len(units) for units in selection]
    params = sum(p.numel() for p in model.parameters())
    if params != plan.params(allocation):
        raise CheckpointError(
            f"the module has {params:,} parameters, but the selection by this plan has {plan.params(allocation):,}: "
            "pass the selection that the module was sliced with"
        )
    weights = {name: t.detach().cpu().contiguous().clone() for name, t in _state(model).items()}
    # Not `save_file`: it creates files that only their owner can read, regardless of the umask.
    stored = save(weights)
    document: dict[str, Any] = {
        "schema": _SCHEMA,
        "spec": plan.spec.to_json(),
        "groups": [group.name for group in plan.groups],
        "allocation": allocation,
        "selection": [list(units) for units in selection],
        "counter": plan.counter,
        "macs": plan.macs(allocation),
        "params": params,
        "baseline_macs": plan.baseline_macs,
        "baseline_params": plan.baseline_params,
        "recipe": dict(recipe or {}),
        "weights_sha256": hashlib.sha256(stored).hexdigest(),
    }
    if preprocessing is not None:
        document["preprocessing"] = preprocessing.model_dump(mode="json")
    document = _readable(document)
    document["sha256"] = _document_hash(document)
    _write(folder, {WEIGHTS: stored, ARCHITECTURE: f"{json.dumps(document, indent=1)}\n".encode()})
    return folder


def _readable(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document as it will be read; what could not be read is not written."""
    try:
        read: dict[str, Any] = json.loads(json.dumps(document))
        Architecture.model_validate(read | {"sha256": ""})
        return read
    except ValidationError as error:
        wrong = describe_problems(error, "the document", most=1)
        raise CheckpointError(f"this model cannot be saved as a checkpoint that can be read: {wrong}") from error
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"the recipe of this checkpoint does not consist of JSON values: {error}") from error


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files so that a power cut leaves a whole checkpoint, or none that passes for one.

    A new folder appears with both files. In one that exists, which may hold other files, they are replaced one by one:
    in between, the document's hash of the weights is wrong.
    """
    if not folder.exists():
        with folder_replaced(folder) as draft:
            for name, content in files.items():
                (draft / name).write_bytes(content)
        return
    for name, content in files.items():
        with replaced(folder / name, durable=True) as draft:
            draft.write_bytes(content)


def is_whole(directory: Path | str) -> bool:
    """Whether the folder holds a checkpoint as it was written; nothing is loaded."""
    folder = Path(directory)
    try:
        return file_hash(folder / WEIGHTS) == read_architecture(folder).weights_sha256
    except (CheckpointError, OSError):
        return False


def load_pruned(directory: Path | str, *, trusted: Collection[str] = ()) -> PrunedModel:
    """Rebuild a pruned module from its folder.

    Args:
        directory: the checkpoint.
        trusted: the factories (`module:factory`) that may be imported and called, because the user named them. A
            checkpoint of a registered architecture needs none.

    Raises:
        CheckpointError: a file is missing, damaged, of another schema, or inconsistent with the other.
        UntrustedFactoryError: it names a factory that is not among `trusted`.
        UnknownModelError: the base architecture is in no registry of this installation.
    """
    folder = Path(directory)
    document = read_architecture(folder)
    check_factory(document.spec.name, trusted, str(folder / ARCHITECTURE))
    return _loaded(folder, document, _planned_again)


Planned = Callable[[Architecture], tuple[nn.Module, Plan]]
"""Makes the unpruned module that a checkpoint was cut from, and its plan."""


def load_pruned_by(
    directory: Path | str, planned: Planned, inside: Callable[[nn.Module], nn.Module] = lambda module: module
) -> PrunedModel:
    """Rebuild a pruned module of which no name says how to create its base.

    Args:
        directory: the checkpoint.
        planned: makes the base and its plan.
        inside: finds the module that was saved in what was planned.

    Raises:
        CheckpointError: as `load_pruned`; also where the base is another architecture.
    """
    folder = Path(directory)
    return _loaded(folder, read_architecture(folder), planned, inside)


def _loaded(
    folder: Path,
    document: Architecture,
    planned: Planned,
    inside: Callable[[nn.Module], nn.Module] = lambda module: module,
) -> PrunedModel:
    weights = _read_weights(folder, document)
    spec = document.model_spec
    base, plan = planned(document)
    selection = _selection_of(document, plan)
    try:
        module = inside(slice_model(base, plan, selection))
    except PruningError as error:
        raise CheckpointError(
            f"{folder / ARCHITECTURE} does not fit {spec.name} as it is created here: {error}"
        ) from error
    _load(module, weights, folder)
    allocation = [len(units) for units in selection]
    macs, params = plan.macs(allocation), plan.params(allocation)
    if (macs, params) != (document.macs, document.params):
        raise CheckpointError(
            f"{folder / ARCHITECTURE} states {document.macs:,} MACs and {document.params:,} parameters, but its model "
            f"has {macs:,} and {params:,}"
        )
    metadata = document.model_dump(by_alias=True, exclude_unset=True)
    return PrunedModel(module, spec, document.macs, document.params, selection, metadata, document.preprocessing)


def _selection_of(document: Architecture, plan: Plan) -> Selection:
    """The units that stayed in each of the plan's groups.

    An earlier version may have found fewer groups: what it did not know, it left whole. Its groups are told by name.
    """
    stated = [tuple(units) for units in document.selection]
    names = [group.name for group in plan.groups]
    if len(stated) != len(document.groups) or not set(document.groups) < set(names):
        return tuple(stated)
    known = dict(zip(document.groups, stated, strict=True))
    return tuple(known.get(group.name, tuple(range(group.units))) for group in plan.groups)


def read_architecture(directory: Path | str) -> Architecture:
    """The checked contents of a checkpoint's `architecture.json`.

    Raises:
        CheckpointError: missing, not JSON, of another schema, or changed since it was written.
    """
    path = Path(directory) / ARCHITECTURE
    if not path.is_file() or not (path.parent / WEIGHTS).is_file():
        raise CheckpointError(f"{path.parent} is not a checkpoint: it needs both {ARCHITECTURE} and {WEIGHTS}")
    try:
        if path.stat().st_size > _LARGEST_DOCUMENT:
            raise CheckpointError(f"{path} has more than {_LARGEST_DOCUMENT:,} bytes: it is no {ARCHITECTURE}")
        raw = json.loads(path.read_text(encoding="utf-8"))
        document = Architecture.model_validate(raw)
        own_hash = _document_hash(raw)  # which may find too deep what could just be parsed
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise CheckpointError(f"{path} is not JSON that can be read: {error}") from error
    except ValidationError as error:
        wrong = describe_problems(error, "the document", most=1)
        raise CheckpointError(f"{path} is not an architecture of schema {_SCHEMA}: {wrong}") from error
    except CheckpointError:
        raise
    except ValueError as error:  # a number of more digits than Python converts
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    if document.sha256 != own_hash:
        raise CheckpointError(f"{path} was changed after it was written: its own hash differs")
    if document.allocation != [len(units) for units in document.selection]:
        raise CheckpointError(f"{path} contradicts itself: its allocation is not the number of units in its selection")
    return document


def _read_weights(folder: Path, document: Architecture) -> dict[str, torch.Tensor]:
    path = folder / WEIGHTS
    try:
        if file_hash(path) != document.weights_sha256:
            raise CheckpointError(f"{path} is not the file that {ARCHITECTURE} describes: its hash differs")
        weights = load_file(path)
        size = path.stat().st_size
    except SafetensorError as error:
        raise CheckpointError(f"{path} is not a readable safetensors file: {error}") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    if document.spec.num_classes > size:
        # Each class has a weight at least. Found before the base is created, which is as large as the file says.
        raise CheckpointError(
            f"{folder / ARCHITECTURE} states {document.spec.num_classes:,} classes, more than {WEIGHTS} has "
            f"weights: it is a file of {size:,} bytes"
        )
    return weights


def _planned_again(document: Architecture) -> tuple[nn.Module, Plan]:
    spec = document.model_spec
    base = create_model(spec)
    return base, build_plan(base, spec, verify=False)


def _load(module: nn.Module, weights: dict[str, torch.Tensor], folder: Path) -> None:
    own = _state(module)
    missing, extra = own.keys() - weights.keys(), weights.keys() - own.keys()
    if missing or extra:
        raise CheckpointError(f"{folder / WEIGHTS} lacks {sorted(missing)[:3]} and has unknown {sorted(extra)[:3]}")
    for name, tensor in weights.items():
        if tensor.shape != own[name].shape:
            raise CheckpointError(
                f"{folder / WEIGHTS}: {name} is {list(tensor.shape)}, its selection needs {list(own[name].shape)}"
            )
        if (tensor.is_complex(), tensor.is_floating_point()) != (False, own[name].is_floating_point()):
            raise CheckpointError(f"{folder / WEIGHTS}: {name} is of {tensor.dtype}, its model has {own[name].dtype}")
    module.load_state_dict(weights, strict=False)


def _state(module: nn.Module) -> dict[str, torch.Tensor]:
    """The state dict with each tied tensor once, as safetensors requires."""
    seen: set[int] = set()
    state = {}
    for name, tensor in module.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            state[name] = tensor
            seen.add(id(tensor))
    return state


def _document_hash(document: Mapping[str, Any]) -> str:
    content = {key: value for key, value in document.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
