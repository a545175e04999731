"""Profiles a plan: what a proposer needs to know about each isomorphic set."""

import math
from dataclasses import dataclass, replace

from pruning.plan import GroupKind, Plan
from tracking.payloads import Profiled


@dataclass(frozen=True, slots=True)
class SetProfile:
    """The profile of one isomorphic set.

    Attributes:
        index: Its index in the plan, by which a proposer refers to it.
        label: A readable name.
        groups: Number of its groups.
        units: Number of units per group.
        depth: Position of its layers: 0 at the input, 1 at the output.
        macs_share: Share of the baseline's MACs that is saved by cutting the set to its floor, in [0, 1].
        params_share: Share of the baseline's parameters that is saved by the same cut.
        coupled_layers: Average number of layers per group, all of which lose a unit that is cut; large for a residual
            stream.
        kind: What a unit is.
        drops: Holdout accuracy lost when this set alone keeps each of the profile's `kept` shares; empty if not
            measured.
    """

    index: int
    label: str
    groups: int
    units: int
    depth: float
    macs_share: float
    params_share: float
    coupled_layers: float
    kind: GroupKind = GroupKind.CHANNELS
    drops: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """A plan as a proposer sees it.

    Attributes:
        model: Name of the model.
        sets: The profiles of all sets, in plan order.
        baseline_macs: MACs of the unpruned model.
        floor_macs: The fewest MACs that can be reached.
        counter: How MACs are counted.
        kept: The kept shares at which the sensitivity of the sets was measured; empty if it was not.
    """

    model: str
    sets: tuple[SetProfile, ...]
    baseline_macs: int
    floor_macs: int
    counter: str
    kept: tuple[float, ...] = ()

    def with_sensitivity(self, found: Profiled) -> "Profile":
        """Return the profile with the measured sensitivity of each set."""
        rows = zip(self.sets, found.accuracies, strict=True)
        sets = tuple(replace(entry, drops=tuple(found.accuracy - left for left in row)) for entry, row in rows)
        return replace(self, sets=sets, kept=found.kept)

    def features(self) -> tuple[tuple[str, tuple[float, ...]], ...]:
        """Return named directions in the space of allocations, with one number per set, scaled to [-1, 1].

        `depth` is high near the output, `cost` where a unit has many MACs, and `coupling` where a unit belongs to many
        layers. `sensitivity`, if it was measured, is high where cutting the set alone loses accuracy. A rule keeps more
        where its direction is high.
        """
        cost = [math.log(max(entry.macs_share / (entry.groups * entry.units), 1e-9)) for entry in self.sets]
        measured = [("sensitivity", _centred([sum(entry.drops) for entry in self.sets]))] if self.kept else []
        return (
            *measured,
            ("depth", _centred([entry.depth for entry in self.sets])),
            ("cost", _centred(cost)),
            ("coupling", _centred([math.log(entry.coupled_layers) for entry in self.sets])),
        )


def profile_plan(plan: Plan) -> Profile:
    """Profile every set of a plan from its exact cost polynomials, without a forward pass."""
    return Profile(
        model=plan.spec.name,
        sets=tuple(_profile_set(plan, index) for index in range(len(plan.sets))),
        baseline_macs=plan.baseline_macs,
        floor_macs=plan.floor_macs(),
        counter=plan.counter,
    )


def _profile_set(plan: Plan, index: int) -> SetProfile:
    entry = plan.sets[index]
    cut = list(plan.full())
    for group in entry.groups:
        cut[group] = plan.floor()[group]
    last = max(1, len(plan.groups) - 1)
    layers = [len(plan.groups[group].layers) for group in entry.groups]
    return SetProfile(
        index=index,
        label=entry.label,
        groups=len(entry.groups),
        units=entry.units,
        depth=sum(entry.groups) / len(entry.groups) / last,
        macs_share=1 - plan.macs(cut) / plan.baseline_macs,
        params_share=1 - plan.params(cut) / plan.baseline_params,
        coupled_layers=sum(layers) / len(layers),
        kind=plan.groups[entry.groups[0]].kind,
    )


def _centred(values: list[float]) -> tuple[float, ...]:
    middle = (max(values) + min(values)) / 2
    reach = (max(values) - min(values)) / 2
    return tuple((value - middle) / reach if reach else 0.0 for value in values)
