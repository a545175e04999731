"""Plant faults in plans: mistakes that a planner could make, one at a time.

Some are changes of a sound plan; others come from the planner itself with one of its precautions disabled. Each planter
returns None if the network offers no occasion for its fault.
"""

import dataclasses
import random
from collections.abc import Callable, Iterator, Sequence
from unittest import mock

import torch

from benchmarks.proof.networks import Network, spec
from pruning.errors import UnsupportedModelError
from pruning.following import shadow_of
from pruning.owners import Fixed, Owner, Units, WidthTerms
from pruning.plan import AttributeCut, Group, Plan
from pruning.polynomial import Polynomial
from pruning.rules.pointwise import same_shape
from pruning.rules.table import RULES
from pruning.settling import settle_plan, unsettled_plan
from pruning.trace import trace

Planter = Callable[[Network, Plan, random.Random], Plan | None]


@dataclasses.dataclass(frozen=True, slots=True)
class Shifted:
    """An owner map whose indices are off by one; it has the methods of an `Owner`."""

    owner: Owner
    size: int

    def kept(self, selection: Sequence[torch.Tensor]) -> torch.Tensor:
        """The owner's kept indices plus one, modulo the size."""
        return ((self.owner.kept(selection) + 1) % self.size).sort().values

    def width(self) -> WidthTerms:
        """The owner's width."""
        return self.owner.width()

    def units(self, group: int) -> torch.Tensor:
        """The owner's units, each one index later."""
        return self.owner.units(group).roll(1)

    def groups(self) -> Iterator[int]:
        """The owner's groups."""
        yield from self.owner.groups()


def owner_shifted(_network: Network, plan: Plan, rng: random.Random) -> Plan | None:
    """One dimension of one weight is cut one index away from the unit."""
    name, dim, owner = rng.choice(_owned_dimensions(plan))
    return _with_owner(plan, name, dim, Shifted(owner, owner.size))


def group_split(_network: Network, plan: Plan, rng: random.Random) -> Plan | None:
    """Some of a group's weights become a group of their own."""
    uses = [(name, dim, owner) for name, dim, owner in _owned_dimensions(plan) if isinstance(owner, Units)]
    if not uses:
        return None
    _, _, owner = rng.choice(uses)
    assert isinstance(owner, Units)
    mine = [(name, dim) for name, dim, other in uses if other == owner]
    moved = rng.sample(mine, rng.randint(1, max(1, len(mine) - 1)))
    new = len(plan.groups)
    group = dataclasses.replace(plan.groups[owner.group], index=new, name=f"{plan.groups[owner.group].name}#split")
    broken = _with_groups(plan, (*plan.groups, group))
    for name, dim in moved:
        broken = _with_owner(broken, name, dim, Units(new, owner.size))
    return broken


def groups_tied(_network: Network, plan: Plan, rng: random.Random) -> Plan | None:
    """One weight of a group follows another group of the same size."""
    uses = [(name, dim, owner) for name, dim, owner in _owned_dimensions(plan) if isinstance(owner, Units)]
    pairs = [
        (name, dim, other.index)
        for name, dim, owner in uses
        for other in plan.groups
        if isinstance(owner, Units) and other.index != owner.group and other.units == owner.size
    ]
    if not pairs:
        return None
    name, dim, group = rng.choice(pairs)
    return _with_owner(plan, name, dim, Units(group, plan.groups[group].units))


def layer_missing(_network: Network, plan: Plan, rng: random.Random) -> Plan | None:
    """A weight is missing from the plan."""
    name = rng.choice(sorted(plan.parameters))
    return dataclasses.replace(plan, parameters={k: v for k, v in plan.parameters.items() if k != name})


def attribute_missing(_network: Network, plan: Plan, rng: random.Random) -> Plan | None:
    """An attribute that states a width is missing from the plan."""
    if not plan.attributes:
        return None
    gone = rng.choice(plan.attributes)
    return dataclasses.replace(plan, attributes=tuple(cut for cut in plan.attributes if cut != gone))


def attribute_wrong(network: Network, plan: Plan, rng: random.Random) -> Plan | None:
    """An attribute that states no width follows one, or an attribute follows another width than its own."""
    chances = [
        AttributeCut(layer, name, None, place)
        for layer, module in network.named_modules()
        for name, value in vars(module).items()
        if type(value) is int and name[0] != "_"
        for place, owner in enumerate(plan.owners)
        if owner.size == value
        and not isinstance(owner, Fixed)
        and not any((cut.layer, cut.attribute, cut.owner) == (layer, name, place) for cut in plan.attributes)
    ]
    if not chances:
        return None
    wrong = rng.choice(chances)
    others = tuple(c for c in plan.attributes if (c.layer, c.attribute) != (wrong.layer, wrong.attribute))
    return dataclasses.replace(plan, attributes=(*others, wrong))


def bound_constant(network: Network, _plan: Plan, _rng: random.Random) -> Plan | None:
    """The planner lets every attribute follow that equals a width, and never checks a sliced model."""
    return _plan_with(network, unsettled_plan)


def output_cut(network: Network, _plan: Plan, _rng: random.Random) -> Plan | None:
    """The planner does not protect the model's outputs from cuts."""
    with (
        mock.patch("pruning.trace.named_tensors", return_value={}),
        mock.patch("pruning.agreement.named_tensors", return_value={}),
    ):
        return _plan_with(network, settle_plan)


def training_unseen(network: Network, _plan: Plan, _rng: random.Random) -> Plan | None:
    """The planner traces the eval pass only and assumes that the training pass is the same."""
    found = trace(network, spec().input_size, training=False)
    found.passes[True] = found.passes[False]
    try:
        return unsettled_plan(found, shadow_of(network), spec())
    except UnsupportedModelError:
        return None


def order_ignored(network: Network, _plan: Plan, _rng: random.Random) -> Plan | None:
    """The planner takes a reordering of channels for an elementwise operation."""
    with mock.patch.dict(RULES, {"flip": same_shape}):
        return _plan_with(network, settle_plan)


FAULTS: dict[str, tuple[Planter, tuple[str, ...]]] = {
    "owner_shifted": (owner_shifted, ()),
    "group_split": (group_split, ()),
    "groups_tied": (groups_tied, ("residual", "inverted")),
    "layer_missing": (layer_missing, ()),
    "attribute_missing": (attribute_missing, ("gate",)),
    "attribute_wrong": (attribute_wrong, ("gain",)),
    "temperature": (bound_constant, ("attention",)),
    "bound_constant": (bound_constant, ("literal",)),
    "output_cut": (output_cut, ()),
    "training_unseen": (training_unseen, ()),
    "order_ignored": (order_ignored, ("turned",)),
}
"""Kind of fault → its planter, and the blocks that the network must contain."""


def _plan_with(network: Network, settle: Callable[..., Plan]) -> Plan | None:
    try:
        return settle(trace(network, spec().input_size), shadow_of(network), spec())
    except UnsupportedModelError:
        return None


def _owned_dimensions(plan: Plan) -> list[tuple[str, int, Owner]]:
    return [
        (name, dim, plan.owners[place])
        for name, places in sorted(plan.parameters.items())
        for dim, place in enumerate(places)
        if not isinstance(plan.owners[place], Fixed)
    ]


def _with_owner(plan: Plan, name: str, dim: int, owner: object) -> Plan:
    places = list(plan.parameters[name])
    places[dim] = len(plan.owners)
    return dataclasses.replace(
        plan,
        owners=(*plan.owners, owner),  # type: ignore[arg-type]
        parameters={**plan.parameters, name: tuple(places)},
    )


def _with_groups(plan: Plan, groups: tuple[Group, ...]) -> Plan:
    full = [group.units for group in groups]
    return dataclasses.replace(
        plan,
        groups=groups,
        macs_polynomial=_widen(plan.macs_polynomial, full),
        variant_polynomial=_widen(plan.variant_polynomial, full),
        params_polynomial=_widen(plan.params_polynomial, full),
    )


def _widen(polynomial: Polynomial, full: Sequence[int]) -> Polynomial:
    return Polynomial(polynomial.terms, full)
