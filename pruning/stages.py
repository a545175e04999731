"""Where a network spends its MACs, stage by stage."""

from dataclasses import dataclass

from pruning.blueprint import Plan


@dataclass(frozen=True, slots=True)
class Stage:
    """A top-level part of the network (`layer3`, `blocks.7`, `fc`) and its MACs when nothing is cut."""

    name: str
    macs: int


def macs_by_stage(plan: Plan) -> tuple[Stage, ...]:
    """The stages in order of execution. Their MACs add up to `plan.baseline_macs`."""
    totals: dict[str, int] = {}
    for cost in plan.layer_costs:
        name = stage_of(cost.layer)
        totals[name] = totals.get(name, 0) + cost.macs
    return tuple(Stage(name, macs) for name, macs in totals.items())


def stage_of(layer: str) -> str:
    """The first one or two parts of a layer's name: two when only the second one is numbered."""
    first, _, rest = layer.partition(".")
    second = rest.partition(".")[0]
    if first and not first[-1].isdigit() and second and second[-1].isdigit():
        return f"{first}.{second}"
    return first or "(top)"
