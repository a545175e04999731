"""The profiling agent: what a strategist needs to know of a plan, set by set."""

import math
from dataclasses import dataclass, replace

from pruning.plan import GroupKind, Plan
from tracking.payloads import Profiled


@dataclass(frozen=True, slots=True)
class SetProfile:
    """One isomorphic set.

    Attributes:
        index: its place in the plan; how a proposer names it.
        label: what it is, for people.
        groups: how many groups it has.
        units: units in each group.
        depth: where its layers lie, 0 at the input and 1 at the output.
        macs_share: share of the baseline's MACs that vanish when the set goes down to its last units, in [0, 1].
        params_share: likewise for the parameters.
        coupled_layers: layers that one unit runs through; many for the channels of a residual stream.
        kind: what a unit is.
        drops: holdout accuracy lost when this set alone keeps each of the profile's `kept` shares; empty if unmeasured.
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
    """A plan as a strategist sees it.

    Attributes:
        baseline_macs: MACs of the unpruned model.
        floor_macs: the fewest MACs that can be reached.
        counter: what was counted.
        kept: shares at which the sets' sensitivity was measured; empty if it was not.
    """

    model: str
    sets: tuple[SetProfile, ...]
    baseline_macs: int
    floor_macs: int
    counter: str
    kept: tuple[float, ...] = ()

    def with_sensitivity(self, found: Profiled) -> "Profile":
        """The same profile with what each set hurts when it alone is cut."""
        rows = zip(self.sets, found.accuracies, strict=True)
        sets = tuple(replace(entry, drops=tuple(found.accuracy - left for left in row)) for entry, row in rows)
        return replace(self, sets=sets, kept=found.kept)

    def features(self) -> tuple[tuple[str, tuple[float, ...]], ...]:
        """Named directions in the space of allocations, one number a set, each centred and scaled to [-1, 1].

        `depth` is high near the output, `cost` where a unit is dear in MACs, `coupling` where a unit runs through many
        layers; `sensitivity`, if it was measured, where cutting the set alone hurts. A rule keeps more where its
        direction is high.
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
    """Measure every set of the plan by its exact forms; no forward pass is needed."""
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
