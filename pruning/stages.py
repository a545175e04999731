"""The MACs of a network, stage by stage."""

from collections.abc import Sequence
from dataclasses import dataclass

from pruning.owners import WidthTerms, add, evaluate
from pruning.plan import Plan


@dataclass(frozen=True, slots=True)
class Stage:
    """A top-level part of the network (`layer3`, `blocks.7`, `fc`) and its MACs."""

    name: str
    macs: int


def macs_by_stage(plan: Plan, kept: Sequence[int] | None = None) -> tuple[Stage, ...]:
    """The stages in order of execution; their MACs are exact and add up to `plan.macs(kept)`.

    Args:
        plan: the model's plan.
        kept: units left in each group; None cuts nothing.

    Raises:
        AllocationError: `kept` does not fit the plan.
    """
    allocation = plan.full() if kept is None else plan.check(kept)
    return tuple(Stage(name, evaluate(price, allocation)) for name, price in stage_prices(plan).items())


def stage_prices(plan: Plan) -> dict[str, WidthTerms]:
    """The MACs of each stage as a polynomial in the kept units, in order of execution."""
    totals: dict[str, WidthTerms] = {}
    for cost in plan.layer_costs:
        name = stage_of(cost.layer)
        totals[name] = add(totals.get(name, {}), cost.price)
    return totals


def stage_of(layer: str) -> str:
    """The stage of a layer or group: the first part of its name, or two parts if only the second one is numbered."""
    first, _, rest = layer.partition("[")[0].partition(".")  # a group's name may end with its kind: `qkv[heads]`
    second = rest.partition(".")[0]
    if first and not first[-1].isdigit() and second and second[-1].isdigit():
        return f"{first}.{second}"
    return first or "(top)"
