"""Make a plan: trace the model, group its channels, price it, and let it prove itself."""

import dataclasses
import random
from collections.abc import Iterable
from functools import reduce

from torch import nn

from pruning.attributes import attribute_cuts, settle_shared, tie
from pruning.blueprint import (
    Allocation,
    AttributeCut,
    Group,
    GroupKind,
    IsomorphicSet,
    LayerCost,
    Plan,
)
from pruning.errors import UnsupportedModelError
from pruning.grouping import OwnerTable, grouped
from pruning.models import ModelSpec
from pruning.owners import Fixed, Terms, add, evaluate, multiply
from pruning.polynomial import Polynomial
from pruning.proof import prove, random_selection
from pruning.proofs import known_proof, proofs_folder, remember_proof, structural_key
from pruning.rules.registry import CostKind
from pruning.slicing import slice_model
from pruning.trace import Trace, shadow_of, trace

__all__ = [
    "Allocation",
    "AttributeCut",
    "Group",
    "GroupKind",
    "IsomorphicSet",
    "LayerCost",
    "Plan",
    "build_plan",
]

_SLICED = 2
_VARIANT = frozenset(str(kind) for kind in (CostKind.CONVOLUTION, CostKind.LINEAR, CostKind.PRODUCTS))


def build_plan(model: nn.Module, spec: ModelSpec, *, verify: bool = True) -> Plan:
    """The plan of `model` at the input size of `spec`. The model is neither run nor changed.

    Args:
        verify: prove the plan on random weights (see `pruning.proof`) before handing it out, unless an equal plan
            proved itself on this machine before.

    Raises:
        UnsupportedModelError: an operation could not be followed, nothing can be cut, or the proof failed.
    """
    shadow = shadow_of(model)
    found = trace(shadow, spec.input_size)
    settle_shared(found, shadow)
    plan = _drafted(found, shadow, spec)
    while (stop := _first_stop(plan, shadow)) is not None:
        if not tie(found, stop.layer):
            raise stop
        plan = _drafted(found, shadow, spec)
    return _proven(plan, found, model) if verify else plan


def _proven(plan: Plan, found: Trace, model: nn.Module) -> Plan:
    folder, key = proofs_folder(), structural_key(found, plan)
    words = known_proof(folder, key)
    if words is None:
        words = prove(plan, model)
        remember_proof(folder, key, words)
    return dataclasses.replace(plan, proof=words)


def _drafted(found: Trace, model: nn.Module, spec: ModelSpec) -> Plan:
    groups, sets, table = grouped(found, model)
    if not groups:
        raise UnsupportedModelError("", "the whole network", "it has no channels that could be cut")
    full = [group.units for group in groups]
    cuts = _parameter_cuts(found, table)
    costs = _layer_costs(found, table, full)
    macs = _summed(costs)
    params = _counted(model, found, table)
    return Plan(
        spec=spec,
        groups=groups,
        sets=sets,
        baseline_macs=evaluate(macs, full),
        baseline_params=evaluate(params, full),
        parameters=cuts,
        attributes=attribute_cuts(found, model, table),
        owners=table.all(),
        layer_costs=costs,
        macs_polynomial=Polynomial(macs, full),
        variant_polynomial=Polynomial(_summed(cost for cost in costs if cost.kind in _VARIANT), full),
        params_polynomial=Polynomial(params, full),
        proof="unverified: built with verify=False",
    )


def _first_stop(plan: Plan, model: nn.Module) -> UnsupportedModelError | None:
    """Trace models that are really sliced, every group to another width: they must run and cost what the plan says.
    Two of them, because in one some layer's widths may fit each other by chance."""
    rng = random.Random(0)  # noqa: S311 - a sample, not a secret
    for selection in (random_selection(plan, rng) for _ in range(_SLICED)):
        planned = plan.macs([len(units) for units in selection])
        try:
            costs = trace(slice_model(model, plan, selection), plan.spec.input_size).macs()
        except UnsupportedModelError as stop:
            return UnsupportedModelError(stop.layer, f"{stop.operation} of a sliced model", stop.reason)
        if costs != planned:
            return UnsupportedModelError("", "counting MACs", f"planned {planned:,}, a sliced model costs {costs:,}")
    return None


def _parameter_cuts(found: Trace, table: OwnerTable) -> dict[str, tuple[int, ...]]:
    return {
        name: tuple(table.place(axis) for axis in dims)
        for name, dims in found.parameters.items()
        if not all(isinstance(table.owner(axis), Fixed) for axis in dims)
    }


def _layer_costs(found: Trace, table: OwnerTable, full: list[int]) -> tuple[LayerCost, ...]:
    costs = []
    for cost in found.costs:
        price: Terms = {(): cost.times}
        for axis in cost.factors:
            price = multiply(price, table.owner(axis).width())
        costs.append(LayerCost(cost.layer, str(cost.kind), price, evaluate(price, full)))
    return tuple(costs)


def _summed(costs: Iterable[LayerCost]) -> Terms:
    return reduce(add, (cost.price for cost in costs), {(): 0})


def _counted(model: nn.Module, found: Trace, table: OwnerTable) -> Terms:
    """Elements of all parameters; one that the forward pass never used keeps its size."""
    total: Terms = {(): 0}
    for name, parameter in model.named_parameters():
        size: Terms = {(): 1}
        if name in found.parameters:
            for axis in found.parameters[name]:
                size = multiply(size, table.owner(axis).width())
        else:
            size = {(): parameter.numel()}
        total = add(total, size)
    return total
