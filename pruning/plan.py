"""The plan of a model: what may be cut, what follows each cut, and what every cut costs."""

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
VARIANT_COUNTER = "convolutions + linear layers + attention products (batch 1)"


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
    """Channels that are cut together.

    Attributes:
        index: position in the plan and in every allocation.
        name: the layer that produces the channels; for attention and grouped layers followed by the kind.
        units: how many there are.
        layers: every layer that loses weights when a unit goes, in order of execution.
    """

    index: int
    name: str
    units: int
    kind: GroupKind
    set_index: int
    layers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IsomorphicSet:
    """Groups whose units are comparable: same kind and number of units, same kinds of layers around them with
    the same kernels. They share a keep ratio and are ranked together.

    Attributes:
        units: of each group.
    """

    index: int
    groups: tuple[int, ...]
    units: int
    label: str


@dataclass(frozen=True, slots=True)
class AttributeCut:
    """A number in a layer that states a length.

    Attributes:
        position: in a tuple such as `normalized_shape`; None for a plain number.
        owner: of the axis whose length it is, as an index into `Plan.owners`.
    """

    layer: str
    attribute: str
    position: int | None
    owner: int


@dataclass(frozen=True, slots=True)
class LayerCost:
    """What one layer spends on one kind of operation.

    Attributes:
        price: MACs as a polynomial in the kept units of the plan's groups.
        macs: the price of the unpruned layer.
    """

    layer: str
    kind: str
    price: WidthTerms
    macs: int


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """What one operation does in every model that is sliced by the plan.

    Attributes:
        axes: of each tensor that comes out, an index into `Plan.axes` for each dimension.
        start: of a slice, the index of what it leaves out before it.
    """

    step: Step
    axes: tuple[tuple[int, ...], ...]
    start: int | None = None


@dataclass(frozen=True, slots=True)
class PlannedPass:
    """One forward pass, operation by operation.

    Attributes:
        outputs: what it returns; no cut changes a shape of it.
    """

    training: bool
    steps: tuple[PlannedStep, ...]
    outputs: tuple[Returned, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """Channels that can be told apart and are not cut, because a model cut there would compute something else.

    Attributes:
        name: of the group that they would have been.
        reason: what was found in a sliced model.
    """

    name: str
    units: int
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything there is to know about pruning one architecture. Holds no weights; travels by pickle.

    Attributes:
        baseline_macs: of the unpruned model, by `counter`.
        baseline_params: elements of all parameters (buffers are not counted).
        owners: the distinct owner maps.
        parameters: parameter or buffer name → the owner of each dimension, as indices into `owners`.
            What is missing is not cut.
        attributes: numbers in layers that follow the cuts.
        layer_costs: where the model spends its MACs, in order of execution.
        axes: the distinct owner maps of the dimensions of all tensors, weights or not.
        passes: what a forward pass does in eval mode and in training mode.
        held: what could not be followed through a cut and stays whole.
        proof: how the plan was verified, in words; starts with "unverified" if it was not.
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

    def macs(self, kept: Sequence[int]) -> int:
        """Exact MACs with `kept[g]` units left in group g, by the counter named in `counter`."""
        return self.macs_polynomial(kept)

    def macs_many(self, kept: ArrayLike) -> NDArray[np.int64]:
        """`macs` of many allocations at once: `[allocations, groups]` → `[allocations]`."""
        return self.macs_polynomial.many(kept)

    def variant_macs(self, kept: Sequence[int]) -> int:
        """MACs of convolutions, linear layers and products of activations alone."""
        return self.variant_polynomial(kept)

    def params(self, kept: Sequence[int]) -> int:
        """Exact number of parameters."""
        return self.params_polynomial(kept)

    def full(self) -> Allocation:
        """The allocation that cuts nothing."""
        return tuple(group.units for group in self.groups)

    def floor(self, round_to: int = 1) -> Allocation:
        """The fewest units that may stay in each group: one step, or all where there is not even one step."""
        return tuple(min(step, group.units) for group, step in zip(self.groups, self.steps(round_to), strict=True))

    def floor_macs(self, round_to: int = 1) -> int:
        """The least MACs that can be reached."""
        return self.macs(self.floor(round_to))

    def steps(self, round_to: int = 1) -> tuple[int, ...]:
        """By how many units each group moves so that widths stay multiples of `round_to`. Heads move one by one:
        the width that hardware sees is heads × dims, and the dims are rounded."""
        return tuple(1 if group.kind is GroupKind.HEADS else round_to for group in self.groups)

    def check(self, kept: Sequence[int]) -> Allocation:
        """`kept` as an allocation of this plan.

        Raises:
            AllocationError: wrong length, or a count outside 1..units.
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
