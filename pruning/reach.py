"""What is fixed in a plan and why, and the share of the MACs that this takes out of reach.

Out of reach is what pruning could save beyond its floor if the units that are fixed could be cut down to one as well.
Pixels, tokens and kernels, which nobody prunes, do not count.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterator, Set

from pruning.axes import Axes, Axis, Cause, Form
from pruning.plan import FixedUnits, Plan
from pruning.trace import Trace

# The attributes in which layers state how many units they make.
_MADE = ("out_channels", "out_features", "hidden_size")


def fixed_units(found: Trace, plan: Plan, leaves: Collection[Axis]) -> tuple[tuple[FixedUnits, ...], int]:
    """The units that layers make and that cannot be cut, in order of execution, and the MACs out of reach for them all.

    Args:
        found: the settled trace.
        plan: the plan that was made from it.
        leaves: the axis of each of the plan's groups.
    """
    lengths = _Lengths(found.axes, frozenset(leaves))
    floor = plan.floor_macs()
    fixed = []
    names: Counter[str] = Counter()
    for cause, (layer, units) in (made := causes_of_made(found)).items():
        names[layer] += 1
        name = layer if names[layer] == 1 else f"{layer}#{names[layer]}"
        macs = floor - lengths.macs(found, {cause})
        fixed.append(FixedUnits(name, units, cause.layer, cause.operation, cause.why, macs))
    return tuple(fixed), floor - lengths.macs(found, made.keys()) if made else 0


def causes_of_made(found: Trace) -> dict[Cause, tuple[str, int]]:
    """Each cause that fixes units that a layer makes, with the layer and the number of units."""
    made: dict[Cause, tuple[str, int]] = {}
    for statement in found.statements:
        if statement.attribute in _MADE:
            for axis in statement.axes:
                for leaf, cause in _causes(found.axes, axis):
                    made.setdefault(cause, (statement.layer or "(top)", found.axes.size(leaf)))
    return made


def _causes(axes: Axes, axis: Axis) -> Iterator[tuple[Axis, Cause]]:
    """The fixed leaves of an axis with their causes.

    A fixed factor beside a free one (the three of queries, keys and values, beside heads) keeps no unit from being cut.
    """
    if axes.form(axis) is not Form.LEAF:
        apart = axes.form(axis) is Form.GRID and not axes.is_fixed(axis)
        for child in axes.children(axis):
            if not (apart and axes.is_fixed(child)):
                yield from _causes(axes, child)
    elif axes.is_fixed(axis) and axes.size(axis) > 1 and (cause := axes.cause(axis)) is not None:
        yield axis, cause


class _Lengths:
    """Lengths of axes when every group keeps one unit."""

    def __init__(self, axes: Axes, groups: Set[Axis]) -> None:
        self._axes, self._groups = axes, groups

    def macs(self, found: Trace, freed: Set[Cause]) -> int:
        """The MACs when what is fixed for these causes has one unit, too."""
        return sum(cost.times * math.prod(self._length(axis, freed) for axis in cost.factors) for cost in found.costs)

    def _length(self, axis: Axis, freed: Set[Cause]) -> int:
        form = self._axes.form(axis)
        if form is Form.LEAF:
            free = self._axes.find(axis) in self._groups or self._axes.cause(axis) in freed
            return 1 if free else self._axes.size(axis)
        lengths = (self._length(child, freed) for child in self._axes.children(axis))
        return sum(lengths) if form is Form.CONCAT else math.prod(lengths)
