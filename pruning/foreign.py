"""Open models that others published: weights of a known architecture, pruned or not, or a whole pickled module.

Weights are read without executing code from the file (`pruning.weights`); their shapes give the width of each layer. A
pickled module runs its author's code when it is opened, so it needs the user's explicit trust.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from pruning.checkpoint import PrunedModel
from pruning.errors import AllocationError, CheckpointError, ModelCreationError, NoStateDictError
from pruning.heads import classes_of, head_names
from pruning.masks import without_masks
from pruning.models import ModelSpec, create_model
from pruning.owners import Fixed
from pruning.plan import Plan
from pruning.planning import build_plan
from pruning.slicing import slice_model
from pruning.trace import trace
from pruning.weights import Found, fitted, mismatch, read_file
from pruning.widths import allocation_from_shapes

_SHOWN = 3


def open_foreign(path: Path | str, spec: ModelSpec, *, trust_pickle: bool) -> PrunedModel:
    """Open a published file of either kind.

    It is read as weights first, so the trust is used only where it is needed.

    Args:
        path: the file.
        spec: the unpruned architecture.
        trust_pickle: whether the user trusts the file's author to run code.

    Raises:
        CheckpointError: as `open_state_dict` and `open_pickled_module`.
    """
    found = read_file(path, trust_pickle=trust_pickle)
    return as_pruned(found, path, spec) if found.module is None else _as_it_is(found.module, spec, found.notes)


def open_state_dict(path: Path | str, spec: ModelSpec) -> PrunedModel:
    """Load weights into a module of the architecture `spec` whose widths are those of the file's weights.

    Such a file does not record which units of the unpruned base stayed, so `selection` counts them from zero. Nor does
    it record the scale of an attention whose head dims were cut. The base's scale is used: it is the author's, unless
    the author fine-tuned with torch's fused attention.

    Raises:
        NoStateDictError: the file holds no weights that can be read without running code.
        CheckpointError: no pruning of this architecture has these keys and shapes.
    """
    return as_pruned(read_file(path), path, spec)


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
        path: the file, which holds the module alone or in a dict.
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
        found = read_file(path, trust_pickle=True)
    except NoStateDictError as error:
        raise CheckpointError(f"{error}, and is not a torch module") from error
    if found.module is None:
        raise CheckpointError(f"{path} holds a dict of weights, not a torch module; try it as a state dict")
    return _as_it_is(found.module, spec, found.notes)


def _as_it_is(module: nn.Module, spec: ModelSpec, notes: tuple[str, ...]) -> PrunedModel:
    """A whole module, without the wrappers around it, and in single precision."""
    module = without_masks(module).float().eval()
    macs = trace(module, spec.input_size).macs()
    return PrunedModel(module, spec, macs, sum(p.numel() for p in module.parameters()), (), {}, notes=notes)


def as_pruned(found: Found, path: Path | str, spec: ModelSpec) -> PrunedModel:
    """The weights that were read from a file, as a pruning of an architecture; see `open_state_dict`."""
    assert found.weights is not None, "a file holds weights or a module"
    base = create_model(spec)
    weights = fitted(found.weights, base)
    refused = f"{path} is no state dict of {spec.name}"
    wrong = mismatch(weights, base, shapes=False)
    if wrong is not None:
        raise CheckpointError(f"{refused}: of its keys {wrong}")
    plan = build_plan(base, spec, verify=False)
    if other := _no_pruning(weights, base, plan):
        _check_head(weights, spec, path)
        raise CheckpointError(f"{refused} with {_sizes(spec)}: {other}")
    try:
        allocation = allocation_from_shapes(plan, {name: tuple(t.shape) for name, t in weights.items()})
    except AllocationError as error:
        raise CheckpointError(f"{path} is no pruning of {spec.name}: {error}") from error
    selection = tuple(tuple(range(count)) for count in allocation)
    module = slice_model(base, plan, selection)
    wrong = mismatch(weights, module)
    if wrong is not None:
        raise CheckpointError(f"{refused} with {_sizes(spec)}: of its keys {wrong}")
    module.load_state_dict(weights, strict=False)
    macs, params = plan.macs(allocation), plan.params(allocation)
    return PrunedModel(module.eval(), spec, macs, params, selection, {}, notes=found.notes)


def _sizes(spec: ModelSpec) -> str:
    return f"{spec.num_classes} classes at {spec.size_text}"


def _no_pruning(weights: Mapping[str, torch.Tensor], base: nn.Module, plan: Plan) -> str | None:
    """The weights of a shape that no pruning has: of other dimensions, or another length where nothing is cut."""
    own = base.state_dict()
    wrong = [
        f"{name} {list(tensor.shape)} for {list(own[name].shape)}"
        for name, tensor in weights.items()
        if name in own and not _could_be(name, tensor, own[name], plan)
    ]
    if not wrong:
        return None
    rest = f" and {len(wrong) - _SHOWN:,} more" if len(wrong) > _SHOWN else ""
    return f"{len(wrong):,} of its weights have another shape ({', '.join(wrong[:_SHOWN])}{rest})"


def _could_be(name: str, tensor: torch.Tensor, whole: torch.Tensor, plan: Plan) -> bool:
    if tensor.dim() != whole.dim():
        return False
    places = plan.parameters.get(name)
    fixed = [True] * whole.dim() if places is None else [isinstance(plan.owners[i], Fixed) for i in places]
    pairs = zip(tensor.shape, whole.shape, fixed, strict=True)
    return all(length == full if stays else 1 <= length <= full for length, full, stays in pairs)
