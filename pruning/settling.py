"""Turn a trace into a plan that sliced models agree with.

A first draft follows from the trace. Models sliced by the draft run on the meta device and are compared with it,
operation by operation (`pruning.agreement`). Each disagreement is settled by the first of these steps that applies, and
a new draft is made:

1. Attributes that merely equal a width are left unchanged: each candidate is tried on a sliced model.
2. Two lengths are tied when a layer writes one as a number and the other is a dimension of its input.
3. A group is held whole when the model cannot be cut in that group alone, because a number in its code does not follow
   the cut.
4. Groups that can be cut alone and not together (`x[:, :x.shape[1] // 2]`) are fixed.

The result depends only on the architecture, so a checkpoint's plan is the same wherever it is built again.
"""

import dataclasses
import random
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import reduce

from torch import nn

from pruning.agreement import Disagreement, find_disagreement
from pruning.attributes import (
    Guess,
    attribute_cuts,
    settle_shared,
    state_weight_sizes,
    state_widths_of_transformers,
    tie,
)
from pruning.blame import smallest_failing
from pruning.errors import UnsupportedModelError
from pruning.grouping import OwnerTable, group_axes
from pruning.models import ModelSpec
from pruning.owners import Fixed, WidthTerms, add, evaluate, multiply
from pruning.plan import Allocation, Held, LayerCost, Plan, PlannedPass, PlannedStep
from pruning.polynomial import Polynomial
from pruning.reach import causes_of_made, fixed_units
from pruning.rules.registry import AxisUse, CostKind
from pruning.slicing import Selection
from pruning.trace import RETURNED, FollowedPass, Trace

_VARIANT = frozenset(str(kind) for kind in (CostKind.CONVOLUTION, CostKind.LINEAR, CostKind.PRODUCTS))
_ROUNDS = 1000  # never reached: each round fixes or unites an axis
_TO_THE_END = float("inf")  # steps agreed when the whole pass agrees


@dataclasses.dataclass(frozen=True, slots=True)
class _Draft:
    """A plan without its guessed attributes.

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


def settle_plan(
    found: Trace, shadow: nn.Module, spec: ModelSpec, whole: Callable[[Plan], Collection[int]] = lambda _: ()
) -> Plan:
    """Build the plan that models sliced by it agree with; it is not proved yet.

    Args:
        found: the trace; its axes are tied and fixed in place.
        shadow: the traced model on the meta device.
        spec: what the plan is for.
        whole: says which groups of a draft the user wants to stay whole.

    Raises:
        UnsupportedModelError: nothing can be cut, or models disagree with the plan whatever is held.
    """
    state_weight_sizes(found, shadow)
    state_widths_of_transformers(found, shadow)
    settle_shared(found, shadow)
    held: list[Held] = []
    chosen: frozenset[object] | None = None  # kinds of guesses that the last draft needed
    for _ in range(_ROUNDS):
        draft = _make_draft(found, shadow, spec, held)
        if _fix_groups(found, draft, whole(draft.plan), "settling", "it was asked to stay whole"):
            continue
        if _fix_groups(found, draft, _unpriced_groups(draft.plan), "training pass", "only the training pass uses it"):
            continue
        low, probe, high = probes(draft.plan)
        # Most drafts differ from the previous one by a tie in the next layer: one comparison shows it.
        if chosen is not None and _tie_lengths(found, find_disagreement(draft.with_guesses(chosen), shadow, probe)):
            continue
        chosen, agrees = _choose_guesses(draft, shadow, probe)
        plan = draft.with_guesses(chosen)
        # That model was just compared.
        others = (low, high) if agrees else (low, probe, high)
        wrong = _first_disagreement(plan, shadow, (*others, *_unlike(draft.plan)))
        if wrong is None:
            fixed, out_of_reach = fixed_units(found, plan, draft.leaves)
            least = _least(found, draft)
            return dataclasses.replace(plan, fixed=fixed, macs_out_of_reach=out_of_reach, least=least)
        if _tie_lengths(found, wrong):
            continue
        failing = _failing_groups(draft, plan, shadow)
        if not failing:
            _fix_together(found, draft, plan, shadow, wrong)
            continue
        # A failure of one group may hide a length of another one that can be tied: tie before holding any group.
        newly_tied = [_tie_lengths(found, alone) for alone in failing.values()]
        if any(newly_tied):
            continue
        for index, alone in failing.items():
            found.axes.at = (alone.error.layer, alone.error.operation)
            found.axes.fix(draft.leaves[index], f"a model cut there would do something else: {alone.error.reason}")
            held.append(Held(plan.groups[index].name, plan.groups[index].units, _describe_disagreement(alone)))
    raise AssertionError("no draft was settled")


def _least(found: Trace, draft: _Draft) -> Allocation:
    """Two units for groups over which a deviation is taken, of one unit it is no number; empty if there are none."""
    spread = {leaf for axis, use in found.roles if use is AxisUse.SPREAD for leaf in found.axes.leaves(axis)}
    if not spread.intersection(found.axes.find(leaf) for leaf in draft.leaves):
        return ()
    units = draft.plan.full()
    return tuple(
        min(2 if found.axes.find(leaf) in spread else 1, n) for leaf, n in zip(draft.leaves, units, strict=True)
    )


def _fix_groups(found: Trace, draft: _Draft, groups: Collection[int], where: str, reason: str) -> bool:
    """Fix the axes of these groups, and return whether there were any."""
    found.axes.at = ("", where) if groups else found.axes.at
    for index in groups:
        found.axes.fix(draft.leaves[index], reason)
    return bool(groups)


def _fix_together(found: Trace, draft: _Draft, plan: Plan, shadow: nn.Module, wrong: Disagreement) -> None:
    """Fix the fewest groups that cannot be cut together, although each can be cut alone.

    Raises:
        UnsupportedModelError: models disagree with the plan although no set of groups is to blame.
    """
    selections = [*probes(plan), *_unlike(plan)]

    def disagree(groups: Sequence[int]) -> bool:
        return _first_disagreement(plan, shadow, _probes_of(plan, groups, selections)) is not None

    every = range(len(plan.groups))
    if not disagree(every):
        raise wrong.error
    found.axes.at = (wrong.error.layer, wrong.error.operation)
    for index in smallest_failing(every, disagree):
        found.axes.fix(draft.leaves[index], f"a model cut there as well would do something else: {wrong.error.reason}")


def _tie_lengths(found: Trace, wrong: Disagreement | None) -> bool:
    """Tie the length that disagrees to an equal one of its layer's inputs, and return whether there was one."""
    return wrong is not None and not wrong.number and tie(found, wrong.error.layer)


def _unpriced_groups(plan: Plan) -> list[int]:
    """Groups used by the training pass only, such as an auxiliary head's: cutting them saves no MACs."""
    priced = {group for cost in plan.layer_costs for monomial in cost.price for group in monomial}
    return [group.index for group in plan.groups if group.index not in priced]


def unsettled_plan(found: Trace, shadow: nn.Module, spec: ModelSpec) -> Plan:
    """The first draft with all its guesses, as if every number that equals a width were that width.

    This is the plan of a planner that never checks a sliced model. It exists to test the proof.
    """
    state_weight_sizes(found, shadow)
    settle_shared(found, shadow)
    draft = _make_draft(found, shadow, spec, ())
    return draft.with_guesses({guess.kind for guess in draft.guesses})


def probes(plan: Plan, seed: int = 0) -> tuple[Selection, ...]:
    """Three selections that reveal most faults: one unit fewer per group, about half the units, and few units.

    Every group of at least two units is cut, and which units stay is random.
    """
    rng = random.Random(seed)  # noqa: S311 - a sample, not a secret
    return tuple(_probe(plan, rng, low, high) for low, high in ((0.99, 1.0), (0.3, 0.8), (0.0, 0.3)))


def _probe(plan: Plan, rng: random.Random, low: float, high: float) -> Selection:
    def some(units: int) -> int:
        return max(1, min(units - 1, round(rng.uniform(low, high) * units)))

    return tuple(tuple(sorted(rng.sample(range(group.units), some(group.units)))) for group in plan.groups)


def _unlike(plan: Plan) -> tuple[Selection, ...]:
    """A selection that cuts every other group far more than the next, if the probes cut two neighbours much alike.

    Halves that a model keeps equal by a number of its own would pass for independent.
    """
    _, *others = probes(plan)
    whole = plan.full()
    if not any(
        whole[i] == whole[i + 1] and all(abs(len(probe[i]) - len(probe[i + 1])) <= 1 for probe in others)
        for i in range(len(whole) - 1)
    ):
        return ()
    return (tuple(tuple(range(1 if i % 2 else max(1, units - 1))) for i, units in enumerate(whole)),)


def _first_disagreement(plan: Plan, shadow: nn.Module, selections: Iterable[Selection]) -> Disagreement | None:
    return next((wrong for s in selections if (wrong := find_disagreement(plan, shadow, s)) is not None), None)


def _choose_guesses(draft: _Draft, shadow: nn.Module, probe: Selection) -> tuple[frozenset[object], bool]:
    """The kinds of guesses that a model sliced by `probe` needs, and whether it then agrees to its end.

    A kind is dropped when leaving it out does not end the agreement earlier: that equality was a coincidence. A dropped
    kind is restored where that prolongs the agreement, because another kind may have hidden it.
    """
    every: list[object] = list(dict.fromkeys(guess.kind for guess in draft.guesses))
    chosen = set(every)

    def agreed(kinds: set[object]) -> float:
        wrong = find_disagreement(draft.with_guesses(kinds), shadow, probe)
        return _TO_THE_END if wrong is None else wrong.agreed

    best, before = agreed(chosen), -1.0
    while best > before:
        before = best
        for kind in every:
            other = chosen ^ {kind}
            reached = agreed(other)
            if reached > best or (reached == best and kind in chosen):
                chosen, best = other, reached
    return frozenset(chosen), best == _TO_THE_END


def _failing_groups(draft: _Draft, plan: Plan, shadow: nn.Module) -> dict[int, Disagreement]:
    """The groups in which a model cannot be cut alone, each with its disagreement.

    The guesses are chosen again for each group: a fault in another group may have hidden which ones this group needs.
    """
    found = {}
    for index in _failing_alone(plan, shadow, range(len(plan.groups))):
        alone = _probes_of(plan, (index,))
        guesses, _ = _choose_guesses(draft, shadow, alone[1])
        own = draft.with_guesses(guesses)
        wrong = _first_disagreement(own, shadow, alone)
        if wrong is not None:
            found[index] = wrong
    return found


def _failing_alone(plan: Plan, shadow: nn.Module, groups: Sequence[int]) -> list[int]:
    """Those of the groups that fail alone, found by bisection, because most groups pass and are skipped together."""
    if _first_disagreement(plan, shadow, _probes_of(plan, groups)) is None:
        return []
    if len(groups) == 1:
        return list(groups)
    middle = len(groups) // 2
    return [*_failing_alone(plan, shadow, groups[:middle]), *_failing_alone(plan, shadow, groups[middle:])]


def _probes_of(plan: Plan, groups: Collection[int], of: Sequence[Selection] = ()) -> list[Selection]:
    """The probes (or the selections that are given) with all groups but these left whole."""
    return [
        tuple(units if i in groups else tuple(range(plan.groups[i].units)) for i, units in enumerate(probe))
        for probe in of or probes(plan)
    ]


def _describe_disagreement(wrong: Disagreement) -> str:
    return f"in {wrong.error.layer or '(top)'}: {wrong.error.operation}: {wrong.error.reason}"


def _make_draft(found: Trace, model: nn.Module, spec: ModelSpec, held: Sequence[Held]) -> _Draft:
    groups, sets, table = group_axes(found, model)
    if not groups:
        raise _nothing_to_cut(found)
    full = [group.units for group in groups]
    cuts = _parameter_cuts(found, table)
    costs = _layer_costs(found, table, full)
    macs = _total_price(costs)
    params = _parameter_price(model, found, table)
    named, guesses = attribute_cuts(found, model, table)
    owners = table.all()  # of weights and attributes only: the lines below add those of all other tensors
    passes = tuple(_plan_pass(training, one, table) for training, one in found.passes.items())
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
        variant_polynomial=Polynomial(_total_price(cost for cost in costs if cost.kind in _VARIANT), full),
        params_polynomial=Polynomial(params, full),
        axes=table.all(),
        passes=passes,
        held=tuple(held),
        proof="unverified: built with verify=False",
    )
    return _Draft(plan, guesses, table.leaves())


def _nothing_to_cut(found: Trace) -> UnsupportedModelError:
    """The error for a model whose every axis is fixed; it names what fixed the first ones."""
    causes = [(layer, cause) for cause, (layer, _) in causes_of_made(found).items() if cause.why != RETURNED]
    if not causes:
        return UnsupportedModelError("", "the whole network", "it has no channels that could be cut")
    others = "".join(f"; {layer}: {cause.why}, {cause.operation}" for layer, cause in causes[1:3])
    first = causes[0][1]
    reason = f"it has no channels that could be cut: {causes[0][0]}: {first.why}{others}"
    return UnsupportedModelError(first.layer, first.operation, reason)


def _plan_pass(training: bool, one: FollowedPass, table: OwnerTable) -> PlannedPass:
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


def _total_price(costs: Iterable[LayerCost]) -> WidthTerms:
    return reduce(add, (cost.price for cost in costs), {(): 0})


def _parameter_price(model: nn.Module, found: Trace, table: OwnerTable) -> WidthTerms:
    """The number of elements of all parameters; a parameter that no pass uses keeps its size."""
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
