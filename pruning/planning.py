"""Build a plan: trace the model, group its units, price them, and prove the plan."""

import dataclasses
import re
from collections.abc import Callable, Collection

from torch import nn

from pruning.errors import UnsupportedModelError
from pruning.first_pass import after_first_pass
from pruning.following import shadow_of
from pruning.masks import without_masks
from pruning.models import ModelSpec
from pruning.oracles import valued_copy
from pruning.plan import (
    Allocation,
    AttributeCut,
    Group,
    GroupKind,
    Held,
    IsomorphicSet,
    LayerCost,
    Plan,
)
from pruning.proof import prove
from pruning.proof_cache import known_proof, proofs_folder, remember_proof, structural_key
from pruning.settling import settle_plan
from pruning.stillness import deterministic
from pruning.trace import Trace, trace

__all__ = [
    "Allocation",
    "AttributeCut",
    "Group",
    "GroupKind",
    "Held",
    "IsomorphicSet",
    "LayerCost",
    "Plan",
    "build_plan",
]


# What torch says where tensors without values do not do: a model asks one for a number, or mixes devices.
_NEEDS_VALUES = re.compile(r"meta\b|\bdevice\b", re.IGNORECASE)


def build_plan(
    model: nn.Module, spec: ModelSpec, *, verify: bool = True, whole: Callable[[Plan], Collection[int]] = lambda _: ()
) -> Plan:
    """Build the plan of `model` at the input size of `spec`. The model is neither run nor changed.

    It is traced on tensors without values; where those do not do, a copy with random weights is run on values. A model
    that cannot be planned, and that keeps something from its first pass, is planned as it is after that pass.

    Args:
        model: the unpruned model.
        spec: its architecture, input size and number of classes.
        verify: prove the plan on random weights (see `pruning.proof`), unless an equal plan was proved on this machine
            before.
        whole: says which groups of a draft stay whole, because the user wants them to.

    Raises:
        UnsupportedModelError: an operation could not be followed, nothing can be cut, or the proof failed.
    """
    model = without_masks(model)
    try:
        plan = _plan(model, spec, whole)
    except UnsupportedModelError:
        warmed = after_first_pass(model, spec.input_size)
        if warmed is None:
            raise
        model, plan = warmed, _plan(warmed, spec, whole)
    return _proven(plan, model) if verify else plan


def _plan(model: nn.Module, spec: ModelSpec, whole: Callable[[Plan], Collection[int]]) -> Plan:
    """The plan on tensors without values; on values where those do not do."""
    try:
        shadow = shadow_of(model)
        return settle_plan(trace(shadow, spec.input_size), shadow, spec, whole)
    except UnsupportedModelError as error:
        if not _NEEDS_VALUES.search(error.reason):
            raise
    subject = valued_copy(model)
    with deterministic(double=True):
        found = trace(subject, spec.input_size, valued=True)
        _check_choice(found, subject)
        plan = settle_plan(found, subject, spec, whole)
    return dataclasses.replace(plan, valued=True)


def _check_choice(found: Trace, subject: nn.Module) -> None:
    """Refuse a model that may choose by values which of its layers run, if some ran for none of the values tried.

    Raises:
        UnsupportedModelError: such a layer has weights, which could not follow a cut.
    """
    idle = sorted({name.rpartition(".")[0] for name, _ in subject.named_parameters() if name not in found.parameters})
    if idle:
        reason = (
            f"it computes with values, and its layers {', '.join(idle[:3])}{', …' if len(idle) > 3 else ''} ran for "
            "none that were tried: for others it may choose them, and they would not have followed the cut"
        )
        raise UnsupportedModelError(idle[0], "choice", reason)


def _proven(plan: Plan, model: nn.Module) -> Plan:
    folder, key = proofs_folder(), structural_key(plan, model)
    description = known_proof(folder, key)
    if description is None:
        description = prove(plan, model)
        remember_proof(folder, key, description)
    return dataclasses.replace(plan, proof=description)
