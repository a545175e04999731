"""From a trace to a plan that sliced models keep to.

A first draft follows from the trace. Models sliced by it are run on the meta device and held against it, operation by
operation (`pruning.agreement`); what departs is settled, in this order, and a new draft is made:

1. attributes that only equal a width are left alone: each is tried on a sliced model;
2. two lengths of which a layer writes one and has the other are tied;
3. groups that a model cannot be cut in alone, because a number in its code does not follow the cut, are held whole.

All of it depends on the architecture alone, so a checkpoint's plan is the same wherever it is made again.
"""

import dataclasses
import random
from collections.abc import Collection, Iterable, Sequence
from functools import reduce

from torch import nn

from pruning.agreement import Disagreement, disagreement
from pruning.attributes import Guess, attribute_cuts, settle_shared, state_weights, tie
from pruning.errors import UnsupportedModelError
from pruning.grouping import OwnerTable, grouped
from pruning.models import ModelSpec
from pruning.owners import Fixed, WidthTerms, add, evaluate, multiply
from pruning.plan import Held, LayerCost, Plan, PlannedPass, PlannedStep
from pruning.polynomial import Polynomial
from pruning.rules.registry import CostKind
from pruning.slicing import Selection
from pruning.trace import FollowedPass, Trace

_VARIANT = frozenset(str(kind) for kind in (CostKind.CONVOLUTION, CostKind.LINEAR, CostKind.PRODUCTS))
_ROUNDS = 1000  # each fixes or unites an axis, so there are never as many


@dataclasses.dataclass(frozen=True, slots=True)
class _Draft:
    """A plan whose guessed attributes are not in it yet.

    Attributes:
        leaves: the axis of each group.
    """

    plan: Plan
    guesses: tuple[Guess, ...]
    leaves: tuple[int, ...]

    def with_guesses(self, kinds: Iterable[object]) -> Plan:
        chosen = set(kinds)
        cuts = tuple(guess.cut for guess in self.guesses if guess.kind in chosen)
        return dataclasses.replace(self.plan, attributes=(*self.plan.attributes, *cuts))


def settled(found: Trace, shadow: nn.Module, spec: ModelSpec) -> Plan:
    """The plan, not yet proved.

    Raises:
        UnsupportedModelError: nothing can be cut, or models that are cut in several groups depart from the plan while
            no single group does.
    """
    state_weights(found, shadow)
    settle_shared(found, shadow)
    held: list[Held] = []
    chosen: frozenset[object] | None = None  # kinds of guesses that the last draft needed
    for _ in range(_ROUNDS):
        draft = _drafted(found, shadow, spec, held)
        if free := _unpriced(draft.plan):
            for index in free:
                found.axes.fix(draft.leaves[index])
            continue
        probe = probes(draft.plan)[1]
        # most drafts differ from the last by a tie in the next layer: one look tells
        if chosen is not None and _tied(found, disagreement(draft.with_guesses(chosen), shadow, probe)):
            continue
        chosen = _guessed(draft, shadow, probe)
        plan = draft.with_guesses(chosen)
        wrong = _first(plan, shadow, probes(plan))
        if wrong is None:
            return plan
        if _tied(found, wrong):
            continue
        guilty = _guilty(draft, plan, shadow)
        if not guilty:
            raise wrong.stop
        hidden = [_tied(found, alone) for alone in guilty.values()]  # behind what stops another group
        if any(hidden):
            continue
        for index, alone in guilty.items():
            found.axes.fix(draft.leaves[index])
            held.append(Held(plan.groups[index].name, plan.groups[index].units, _in_words(alone)))
    raise AssertionError("no draft was settled")


def _tied(found: Trace, wrong: Disagreement | None) -> bool:
    """Whether a length that departs could be tied to one that its layer has."""
    return wrong is not None and not wrong.number and tie(found, wrong.stop.layer)


def _unpriced(plan: Plan) -> list[int]:
    """Groups that only the training pass uses, such as an auxiliary head's: no cut of them saves a MAC."""
    priced = {group for cost in plan.layer_costs for monomial in cost.price for group in monomial}
    return [group.index for group in plan.groups if group.index not in priced]


def unsettled(found: Trace, shadow: nn.Module, spec: ModelSpec) -> Plan:
    """The first draft with all its guesses, as if every number that equals a width were one: what a planner would
    believe that never looks at a sliced model. For attacks on the proof."""
    state_weights(found, shadow)
    settle_shared(found, shadow)
    draft = _drafted(found, shadow, spec, ())
    return draft.with_guesses({guess.kind for guess in draft.guesses})


def probes(plan: Plan, seed: int = 0) -> tuple[Selection, ...]:
    """Selections that show most: one unit less everywhere, about half, and few; every group that can be cut is, and
    which units stay is random."""
    rng = random.Random(seed)  # noqa: S311 - a sample, not a secret
    return tuple(_probe(plan, rng, low, high) for low, high in ((0.99, 1.0), (0.3, 0.8), (0.0, 0.3)))


def _probe(plan: Plan, rng: random.Random, low: float, high: float) -> Selection:
    def count(units: int) -> int:
        return max(1, min(units - 1, round(rng.uniform(low, high) * units)))

    return tuple(tuple(sorted(rng.sample(range(group.units), count(group.units)))) for group in plan.groups)


def _first(plan: Plan, shadow: nn.Module, selections: Iterable[Selection]) -> Disagreement | None:
    return next((wrong for s in selections if (wrong := disagreement(plan, shadow, s)) is not None), None)


def _guessed(draft: _Draft, shadow: nn.Module, probe: Selection) -> frozenset[object]:
    """The kinds of the draft's guesses that a model sliced so needs: one whose absence does not end the agreement
    sooner was a chance. What another one hid is put back where that prolongs it."""
    every: list[object] = list(dict.fromkeys(guess.kind for guess in draft.guesses))
    chosen = set(every)

    def agreed(kinds: set[object]) -> float:
        wrong = disagreement(draft.with_guesses(kinds), shadow, probe)
        return _ALL if wrong is None else wrong.agreed

    best, before = agreed(chosen), -1.0
    while best > before:
        before = best
        for kind in every:
            other = chosen ^ {kind}
            reached = agreed(other)
            if reached > best or (reached == best and kind in chosen):
                chosen, best = other, reached
    return frozenset(chosen)


_ALL = float("inf")


def _guilty(draft: _Draft, plan: Plan, shadow: nn.Module) -> dict[int, Disagreement]:
    """The groups in which a model cannot be cut alone, each with what was found. What is wrong with another group may
    have hidden which guesses this one needs, so they are chosen anew before it is held."""
    found = {}
    for index in _suspects(plan, shadow, range(len(plan.groups))):
        alone = _only(plan, (index,))
        own = draft.with_guesses(_guessed(draft, shadow, alone[1]))
        wrong = _first(own, shadow, alone)
        if wrong is not None:
            found[index] = wrong
    return found


def _suspects(plan: Plan, shadow: nn.Module, groups: Sequence[int]) -> list[int]:
    """Those of the groups that fail alone, found by halving: most do not, and are passed over together."""
    if _first(plan, shadow, _only(plan, groups)) is None:
        return []
    if len(groups) == 1:
        return list(groups)
    middle = len(groups) // 2
    return [*_suspects(plan, shadow, groups[:middle]), *_suspects(plan, shadow, groups[middle:])]


def _only(plan: Plan, groups: Collection[int]) -> list[Selection]:
    """The probes with all other groups left whole."""
    return [
        tuple(units if i in groups else tuple(range(plan.groups[i].units)) for i, units in enumerate(probe))
        for probe in probes(plan)
    ]


def _in_words(wrong: Disagreement) -> str:
    return f"in {wrong.stop.layer or '(top)'}: {wrong.stop.operation}: {wrong.stop.reason}"


def _drafted(found: Trace, model: nn.Module, spec: ModelSpec, held: Sequence[Held]) -> _Draft:
    groups, sets, table = grouped(found, model)
    if not groups:
        why = f" ({held[0].name} {held[0].reason})" if held else ""
        raise UnsupportedModelError("", "the whole network", f"it has no channels that could be cut{why}")
    full = [group.units for group in groups]
    cuts = _parameter_cuts(found, table)
    costs = _layer_costs(found, table, full)
    macs = _summed(costs)
    params = _counted(model, found, table)
    named, guesses = attribute_cuts(found, model, table)
    owners = table.all()  # of weights and attributes alone, before those of all tensors are asked for
    passes = tuple(_planned(training, one, table) for training, one in found.passes.items())
    plan = Plan(
        spec=spec,
        groups=groups,
        sets=sets,
        baseline_macs=evaluate(macs, full),
        baseline_params=evaluate(params, full),
        parameters=cuts,
        attributes=named,
        owners=owners,
        layer_costs=costs,
        macs_polynomial=Polynomial(macs, full),
        variant_polynomial=Polynomial(_summed(cost for cost in costs if cost.kind in _VARIANT), full),
        params_polynomial=Polynomial(params, full),
        axes=table.all(),
        passes=passes,
        held=tuple(held),
        proof="unverified: built with verify=False",
    )
    return _Draft(plan, guesses, table.leaves())


def _planned(training: bool, one: FollowedPass, table: OwnerTable) -> PlannedPass:
    steps = tuple(
        PlannedStep(
            followed.step,
            tuple(tuple(table.place(axis) for axis in dims) for dims in followed.outputs),
            None if followed.start is None else table.place(followed.start),
        )
        for followed in one.steps
    )
    return PlannedPass(training, steps, one.outputs)


def _parameter_cuts(found: Trace, table: OwnerTable) -> dict[str, tuple[int, ...]]:
    return {
        name: tuple(table.place(axis) for axis in dims)
        for name, dims in found.parameters.items()
        if not all(isinstance(table.owner(axis), Fixed) for axis in dims)
    }


def _layer_costs(found: Trace, table: OwnerTable, full: list[int]) -> tuple[LayerCost, ...]:
    costs = []
    for cost in found.costs:
        price: WidthTerms = {(): cost.times}
        for axis in cost.factors:
            price = multiply(price, table.owner(axis).width())
        costs.append(LayerCost(cost.layer, str(cost.kind), price, evaluate(price, full)))
    return tuple(costs)


def _summed(costs: Iterable[LayerCost]) -> WidthTerms:
    return reduce(add, (cost.price for cost in costs), {(): 0})


def _counted(model: nn.Module, found: Trace, table: OwnerTable) -> WidthTerms:
    """Elements of all parameters; one that no pass ever used keeps its size."""
    total: WidthTerms = {(): 0}
    for name, parameter in model.named_parameters():
        size: WidthTerms = {(): 1}
        if name in found.parameters:
            for axis in found.parameters[name]:
                size = multiply(size, table.owner(axis).width())
        else:
            size = {(): parameter.numel()}
        total = add(total, size)
    return total
