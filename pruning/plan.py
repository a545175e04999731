"""The plan of a model: what can be cut, what follows each cut, and what the model costs after it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pruning.errors import AllocationError
from pruning.following import Returned, Step
from pruning.models import ModelSpec
from pruning.owners import Owner, WidthTerms
from pruning.polynomial import Polynomial

# Units kept in each group, in the order of the plan's groups.
Allocation = tuple[int, ...]

COUNTER = "fvcore (unfused attention, batch 1)"


class GroupKind(StrEnum):
    """What the units of a group are."""

    CHANNELS = "channels"
    NEURONS = "neurons"
    EMBEDDING = "embedding"
    HEADS = "heads"
    HEAD_DIMS = "head dims"
    CONV_GROUPS = "conv groups"


@dataclass(frozen=True, slots=True)
class Group:
    """Units that are cut from all layers that share them.

    Attributes:
        index: position in the plan and in every allocation.
        name: the layer that produces the units; for attention and grouped layers followed by the kind.
        units: number of units in the unpruned model.
        kind: what a unit is.
        set_index: the isomorphic set that the group belongs to.
        layers: every layer that loses weights when a unit is cut, in order of execution.
    """

    index: int
    name: str
    units: int
    kind: GroupKind
    set_index: int
    layers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IsomorphicSet:
    """Groups whose units are comparable; they share a keep ratio and are ranked together.

    They have the same kind and number of units, and the same types of layers around them with the same kernels.

    Attributes:
        index: position in `Plan.sets`.
        groups: indices of its groups.
        units: number of units of each group.
        label: a name for people.
    """

    index: int
    groups: tuple[int, ...]
    units: int
    label: str


@dataclass(frozen=True, slots=True)
class AttributeCut:
    """A layer's attribute that states a length and must follow the cut.

    Attributes:
        layer: the layer's name.
        attribute: the attribute's name.
        position: index in a tuple such as `normalized_shape`; None for a plain number.
        owner: owner map of the axis whose length it is, as an index into `Plan.owners`.
    """

    layer: str
    attribute: str
    position: int | None
    owner: int


@dataclass(frozen=True, slots=True)
class LayerCost:
    """The cost of one kind of operation in one layer.

    Attributes:
        layer: the layer's name.
        kind: a `pruning.rules.registry.CostKind`.
        price: MACs as a polynomial in the kept units of the plan's groups.
        macs: MACs of the unpruned layer.
    """

    layer: str
    kind: str
    price: WidthTerms
    macs: int


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """What one operation does in every model that is sliced by the plan.

    Attributes:
        step: the operation as the whole model runs it.
        axes: for each output tensor, an index into `Plan.axes` per dimension.
        start: for a slice, the index into `Plan.axes` of the part before it.
    """

    step: Step
    axes: tuple[tuple[int, ...], ...]
    start: int | None = None


@dataclass(frozen=True, slots=True)
class PlannedPass:
    """One forward pass, operation by operation.

    Attributes:
        training: whether the model is in training mode.
        steps: its operations, in order.
        outputs: the tensors that it returns; no cut changes their shapes.
    """

    training: bool
    steps: tuple[PlannedStep, ...]
    outputs: tuple[Returned, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """Units that stay whole, because a model cut there would compute something else.

    Attributes:
        name: name of the group that they would have been.
        units: number of units.
        reason: the disagreement that was found in a sliced model.
    """

    name: str
    units: int
    reason: str


@dataclass(frozen=True, slots=True)
class FixedUnits:
    """Units that a layer makes and that cannot be cut.

    Attributes:
        name: the layer that makes them, numbered like a group's name if it makes several such sets.
        units: their number.
        layer: the layer in which they were fixed.
        operation: the operation that fixed them.
        reason: what that operation does with them.
        macs_out_of_reach: MACs that could be saved beyond the plan's floor if these units could be cut down to one.
    """

    name: str
    units: int
    layer: str
    operation: str
    reason: str
    macs_out_of_reach: int


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is needed to price and prune one architecture. It holds no weights and can be pickled.

    Attributes:
        spec: the architecture.
        groups: the groups of units that can be cut, in order of execution.
        sets: the isomorphic sets that partition the groups.
        baseline_macs: MACs of the unpruned model, by `counter`.
        baseline_params: number of elements of all parameters (buffers are not counted).
        owners: the distinct owner maps of weights and attributes.
        parameters: parameter or buffer name → the owner map of each dimension, as indices into `owners`. A tensor
            that is missing is not cut.
        attributes: layers' attributes that follow the cuts.
        layer_costs: where the model spends its MACs, in order of execution.
        macs_polynomial: MACs in the kept units of the groups.
        variant_polynomial: the same for convolutions, linear layers and attention products only.
        params_polynomial: number of parameters in the kept units of the groups.
        axes: the distinct owner maps of the dimensions of all tensors, weights included.
        passes: what a forward pass does in eval mode and in training mode.
        held: units that could not be followed through a cut and stay whole.
        proof: a description of how the plan was verified; starts with "unverified" if it was not.
        counter: the convention by which MACs are counted.
        fixed: units that cannot be cut, in order of execution; those held among them.
        macs_out_of_reach: MACs that could be saved beyond the floor if all of these could be cut down to one.
        valued: whether it was traced on values, because the model computes with them.
        least: the fewest units that each group may keep, where the user or the model's code sets a limit (a deviation
            over channels is no number for one of them); empty for no limits.
    """

    spec: ModelSpec
    groups: tuple[Group, ...]
    sets: tuple[IsomorphicSet, ...]
    baseline_macs: int
    baseline_params: int
    owners: tuple[Owner, ...]
    parameters: Mapping[str, tuple[int, ...]]
    attributes: tuple[AttributeCut, ...]
    layer_costs: tuple[LayerCost, ...]
    macs_polynomial: Polynomial
    variant_polynomial: Polynomial
    params_polynomial: Polynomial
    axes: tuple[Owner, ...]
    passes: tuple[PlannedPass, ...]
    held: tuple[Held, ...]
    proof: str
    counter: str = COUNTER
    fixed: tuple[FixedUnits, ...] = ()
    macs_out_of_reach: int = 0
    valued: bool = False
    least: Allocation = ()

    def macs(self, kept: Sequence[int]) -> int:
        """Exact MACs with `kept[g]` units left in group g, by the counter named in `counter`."""
        return self.macs_polynomial(kept)

    def macs_many(self, kept: ArrayLike) -> NDArray[np.int64]:
        """`macs` of many allocations at once: `[allocations, groups]` → `[allocations]`."""
        return self.macs_polynomial.many(kept)

    def variant_macs(self, kept: Sequence[int]) -> int:
        """MACs of convolutions, linear layers and attention products only, at batch 1."""
        return self.variant_polynomial(kept)

    def params(self, kept: Sequence[int]) -> int:
        """Exact number of parameters with `kept[g]` units left in group g."""
        return self.params_polynomial(kept)

    def full(self) -> Allocation:
        """The allocation that cuts nothing."""
        return tuple(group.units for group in self.groups)

    def floor(self, round_to: int = 1) -> Allocation:
        """The fewest units that each group may keep: one step, or all units of a group smaller than a step.

        A group with a limit keeps the steps that reach it.
        """
        least = self.least or (1,) * len(self.groups)
        return tuple(
            min(-(-few // step) * step, group.units)
            for group, step, few in zip(self.groups, self.steps(round_to), least, strict=True)
        )

    def floor_macs(self, round_to: int = 1) -> int:
        """The fewest MACs that can be reached."""
        return self.macs(self.floor(round_to))

    def steps(self, round_to: int = 1) -> tuple[int, ...]:
        """The number of units by which each group changes so that widths stay multiples of `round_to`.

        Heads change one at a time: the width that hardware sees is heads × dims, and the dims are rounded.
        """
        return tuple(1 if group.kind is GroupKind.HEADS else round_to for group in self.groups)

    def check(self, kept: Sequence[int]) -> Allocation:
        """Return `kept` as an allocation of this plan.

        Raises:
            AllocationError: the number of counts is wrong, or a count is outside 1..units or not an integer.
        """
        if len(kept) != len(self.groups):
            raise AllocationError(
                f"got {len(kept)} counts; this plan of {self.spec.name} has {len(self.groups)} groups"
            )
        for group, count in zip(self.groups, kept, strict=True):
            if not 1 <= count <= group.units or count != int(count):
                raise AllocationError(
                    f"group {group.index} ({group.name}) cannot keep {count!r} units: 1 to {group.units} would work"
                )
        return tuple(int(count) for count in kept)

    def summary(self) -> dict[str, Any]:
        """The plan as JSON values, for a ledger."""
        return {
            "counter": self.counter,
            "groups": [
                {"name": g.name, "units": g.units, "set": g.set_index, "kind": str(g.kind)} for g in self.groups
            ],
            "sets": len(self.sets),
            "baseline_macs": self.baseline_macs,
            "baseline_params": self.baseline_params,
            "floor_macs": self.floor_macs(),
            "proof": self.proof,
        }
