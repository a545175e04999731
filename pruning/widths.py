"""Infer from the shapes of a pruned model's weights how many units each group kept."""

from collections.abc import Mapping, Sequence

from pruning.errors import AllocationError
from pruning.owners import Concat, Fixed, Grid, Owner, Units, evaluate
from pruning.plan import Allocation, GroupKind, Plan


def allocation_from_shapes(plan: Plan, shapes: Mapping[str, Sequence[int]]) -> Allocation:
    """Units kept per group such that a model sliced by `plan` has exactly these shapes.

    A width that is a product (heads × dims) may not determine its factors. In that case heads, or the groups of a
    convolution, are assumed to be uncut.

    Args:
        plan: the plan of the unpruned architecture.
        shapes: parameter or buffer name → its shape in the pruned model.

    Raises:
        AllocationError: no allocation gives these shapes; the message names the tensor that shows it.
    """
    known: dict[int, int] = {}
    facts = [
        (name, plan.owners[place], width)
        for name, places in plan.parameters.items()
        if name in shapes and len(shapes[name]) == len(places)
        for place, width in zip(places, shapes[name], strict=True)
    ]
    _settle(facts, known)
    for group in plan.groups:
        if group.index not in known and group.kind in (GroupKind.HEADS, GroupKind.CONV_GROUPS):
            known[group.index] = group.units
            _settle(facts, known)
    missing = [group.name for group in plan.groups if group.index not in known]
    if missing:
        raise AllocationError(f"the weights do not determine how many units are left in {', '.join(missing[:3])}")
    allocation = plan.check([known[group.index] for group in plan.groups])
    for name, owner, width in facts:
        planned = evaluate(owner.width(), allocation)
        if planned != width:
            raise AllocationError(f"{name} has a dimension of {width} where the other weights require {planned}")
    return allocation


def _settle(facts: list[tuple[str, Owner, int]], known: dict[int, int]) -> None:
    """Propagate the facts into `known` until nothing new follows."""
    before = -1
    while len(known) > before:
        before = len(known)
        for _, owner, width in facts:
            _learn(owner, width, known)


def _learn(owner: Owner, width: int, known: dict[int, int]) -> None:
    if isinstance(owner, Units):
        known.setdefault(owner.group, width)
    elif isinstance(owner, Concat):
        unknown = [part for part in owner.parts if not _is_known(part, known)]
        if unknown and len(set(unknown)) == 1:
            rest = width - sum(_width(part, known) for part in owner.parts if _is_known(part, known))
            _learn(unknown[0], rest // len(unknown), known)
    elif isinstance(owner, Grid):
        unknown = [factor for factor in owner.factors if not _is_known(factor, known)]
        if len(unknown) == 1:
            for factor in owner.factors:
                width = width // max(1, _width(factor, known)) if _is_known(factor, known) else width
            _learn(unknown[0], width, known)


def _is_known(owner: Owner, known: Mapping[int, int]) -> bool:
    return all(group in known for group in owner.groups())


def _width(owner: Owner, known: Mapping[int, int]) -> int:
    if isinstance(owner, Fixed):
        return owner.size
    return evaluate(owner.width(), [known.get(i, 0) for i in range(max(known) + 1)])
