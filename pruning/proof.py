"""Prove a plan on the model's own structure.

1. **Agreement.** Sliced models run the operations that the plan states, on tensors of the shapes that it states, in
   eval mode and in training mode (`pruning.agreement`).
2. **Oracles, in float64 on random weights.** Permutation, permutation after a cut, and rubbish in place of the cut
   units (`pruning.oracles`); in training mode as well where that pass computes something else.
3. **Statements.** The attributes of sliced layers state the sizes of their weights (`pruning.stated`).
4. **Counting.** Sliced models have the MACs that the plan states, counted by fvcore, and its number of parameters.
"""

import contextlib
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from pruning.agreement import find_disagreement, length_arguments, name_of
from pruning.counter import count_macs
from pruning.errors import PruningError, UnsupportedModelError, describe_exception
from pruning.following import shadow_of
from pruning.oracles import Oracles, randomised_copy, valued_copy
from pruning.owners import Fixed
from pruning.plan import Plan, PlannedPass
from pruning.rounding import AMPLIFIED, ROUNDING, TOLERANCE, NearlyEqualError, allowed, explains
from pruning.settling import probes
from pruning.slicing import Selection, slice_model
from pruning.stated import misstated_sizes
from pruning.stillness import DROPOUTS, deterministic

__all__ = ["oracle_error", "permutation_error", "prove", "random_selection", "randomised_copy"]

_PRUNINGS = 2
_FEW = 4  # units: two random orders of four are equal with a chance of 1 in 24
_INSTANCES = 4
_EXPLAINED = 2  # instances, each of which was seen to amplify rounding as much as the oracles differ
_SEED = 1  # differs from the seed that plans are settled with
# Arguments that may differ between passes that compute the same: they state the mode, or depend on the batch size.
_MODE = {"training", "train", "use_input_stats", "momentum"}


def prove(plan: Plan, model: nn.Module) -> str:
    """Prove the plan and return a description of how it was proved.

    Raises:
        UnsupportedModelError: the plan failed a check; the message names the layer.
    """
    if {planned.training for planned in plan.passes} != {False, True}:
        raise UnsupportedModelError("", "the whole network", "the plan does not describe a training pass")
    selections = probes(plan, _SEED)
    shadow = valued_copy(model) if plan.valued else shadow_of(model)
    everything = tuple(tuple(range(group.units)) for group in plan.groups)
    with deterministic(double=True) if plan.valued else contextlib.nullcontext():
        wrongs = (
            find_disagreement(plan, shadow, selection)
            for selection in (everything, *selections, *_turns(plan, selections))
        )
        wrong = next((wrong for wrong in wrongs if wrong is not None), None)
    if wrong is not None:
        failed = wrong.error
        raise UnsupportedModelError(failed.layer, f"{failed.operation} of a sliced model", failed.reason)
    modes = (False, True) if _trains_otherwise(plan) else (False,)
    error = max(oracle_error(plan, model, selections[1], training=mode) for mode in modes)
    rng = random.Random(0)  # noqa: S311 - a sample, not a secret
    usual = misstated_sizes(model).keys()
    for selection in selections:
        for layer, reason in misstated_sizes(slice_model(shadow, plan, selection)).items():
            if layer not in usual:
                raise UnsupportedModelError(layer, "what a sliced layer states", reason)
    for _ in range(_PRUNINGS):
        _check_counts(plan, model, random_selection(plan, rng))
    return (
        f"every length of {len(selections)} sliced models in both modes; permutation of all groups before and after "
        "a cut, and every operation beside that of a sliced model, in float64 "
        f"(error {error:.0e}{', both modes' if len(modes) > 1 else ''}); fvcore on {_PRUNINGS} random prunings"
        f"{'; followed on values, because the model computes with them' if plan.valued else ''}"
    )


def permutation_error(plan: Plan, model: nn.Module, groups: tuple[int, ...] | None = None, *, seed: int = 0) -> float:
    """The change of the output when units are reordered in a float64 copy of `model` with random weights.

    Args:
        plan: the plan along whose owner maps the weights are reordered.
        model: the unpruned model.
        groups: the groups whose units are reordered; None means all.
        seed: of the random weights, the image and the order.

    Returns:
        The largest difference of an output element, relative to the output's largest element.
    """
    return Oracles(plan, model, probes(plan)[1], seed=seed).permutation_error(groups)


def random_selection(plan: Plan, rng: random.Random) -> Selection:
    """A random number of random units in each group."""
    return tuple(tuple(sorted(rng.sample(range(group.units), rng.randint(1, group.units)))) for group in plan.groups)


def oracle_error(
    plan: Plan, model: nn.Module, selection: Selection, *, training: bool, seeds: Sequence[int] = range(_INSTANCES)
) -> float:
    """The largest error of all oracles, on the first random instance whose rounding stays below the tolerance.

    Random weights may amplify rounding: those of attention over large scores do. A fault shows in every instance, and
    by more than what is taken for rounding here. A model all of whose instances amplify it is asked how much: two of
    them must differ by no more than weights do that are disturbed a little (`pruning.rounding`).

    Args:
        plan: the plan under test.
        model: the unpruned model.
        selection: the units that the sliced models keep.
        training: run in training mode.
        seeds: of the random instances.

    Raises:
        UnsupportedModelError: the plan is wrong, or no instance shows that it is not.
    """
    explained: list[float] = []
    unexplained = None
    for seed in seeds:
        try:
            error = _largest_oracle_error(plan, model, selection, training=training, seed=seed)
        except NearlyEqualError as nearly:
            unexplained = nearly
            continue
        if error <= TOLERANCE:
            return error
        explained.append(error)
        if len(explained) == _EXPLAINED:
            return max(explained)
    assert unexplained is not None
    raise unexplained


def _largest_oracle_error(plan: Plan, model: nn.Module, selection: Selection, *, training: bool, seed: int) -> float:
    """The largest error of all oracles on one random instance."""
    oracles = Oracles(plan, model, selection, training=training, seed=seed)
    mode = " in training mode" if training else ""
    whole = _Oracle(plan, f"permutation of units{mode}", oracles.permutation_error, oracles.rounding)
    cut = _Oracle(
        plan,
        f"permutation of units after a cut{mode}",
        oracles.permutation_error_after_cut,
        oracles.rounding_after_cut,
    )
    return max(*(whole.checked_error(some) for some in rounds(plan)), cut.checked_error(), oracles.rubbish_error())


def _turns(plan: Plan, selections: Sequence[Selection]) -> Iterator[Selection]:
    """Cuts that tell apart groups of as many units of which all selections keep equally many.

    A number that follows the wrong one of them would be right in every selection. For any two of them, one of these
    cuts one group and not the other.
    """
    alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for group in plan.groups:
        if group.units > 1:
            alike[group.units, *(len(selection[group.index]) for selection in selections)].append(group.index)
    for bit in range(max((len(groups) - 1).bit_length() for groups in alike.values()) if alike else 0):
        cut = {index for groups in alike.values() for place, index in enumerate(groups) if place >> bit & 1}
        yield tuple(
            units if group.index in cut else tuple(range(group.units))
            for group, units in zip(plan.groups, selections[1], strict=True)
        )


def rounds(plan: Plan) -> Iterator[tuple[int, ...] | None]:
    """The groups to reorder in each round: first all of them (None), then changing halves of the groups of few units.

    Two groups of few units could be reordered alike by chance, which would hide that a weight follows the wrong one.
    For any two of them, some round reorders one and not the other.
    """
    yield None
    few = [group.index for group in plan.groups if group.units <= _FEW]
    for bit in range(max(0, len(few) - 1).bit_length()):
        yield tuple(index for place, index in enumerate(few) if place >> bit & 1)


@dataclass(frozen=True, slots=True)
class _Oracle:
    """One permutation of one random instance.

    Attributes:
        plan: the plan under test.
        what: is done, for messages.
        change: of the output, when the units of some groups or of all are reordered.
        rounding: the change of the same output that cannot be a fault.
    """

    plan: Plan
    what: str
    change: Callable[[Sequence[int] | None], float]
    rounding: Callable[[], float]

    def checked_error(self, groups: Sequence[int] | None = None) -> float:
        """The change, if it is rounding."""
        try:
            change = self.change(groups)
            if change <= TOLERANCE:
                return change
            rounding = self.rounding() if change <= AMPLIFIED else 0.0
            if change <= allowed(rounding):
                return change
            undecided = change <= ROUNDING or explains(rounding, change)
            layer = "" if undecided else next(self._failing_groups(), "several layers together")
        except PruningError:
            raise
        except Exception as error:
            raise UnsupportedModelError(
                "", f"forward of a sliced model: {self.what}", describe_exception(error)
            ) from error
        kind = NearlyEqualError if undecided else UnsupportedModelError
        raise kind(layer, self.what, f"the output changed by {change:.1e} relative to its largest element")

    def _failing_groups(self) -> Iterator[str]:
        """The groups that fail alone."""
        for group in self.plan.groups:
            if not self.change((group.index,)) <= TOLERANCE:
                yield group.name


def _trains_otherwise(plan: Plan) -> bool:
    """Whether the training pass runs other operations than the eval pass, or the same with other numbers."""
    kinds = [_comparable_steps(plan, planned) for planned in plan.passes]
    return any(kind != kinds[0] for kind in kinds)


def _is_dropout(operation: str) -> bool:
    return name_of(operation) in DROPOUTS


def _comparable_steps(plan: Plan, planned: PlannedPass) -> list[object]:
    """The steps of a pass without what only the mode changes.

    That is dropout, which the oracles make the identity, the counters of batches, and the number of images, which shows
    in lengths that no cut changes.
    """
    names: dict[object, object] = {}

    def renamed(value: object) -> object:
        if isinstance(value, tuple):
            return names.get(value, tuple(renamed(part) for part in value))
        return value

    steps: list[object] = []
    for number, one in enumerate(planned.steps):
        follows = length_arguments(one.step.operation)
        arguments = [
            (name, renamed(value)) for name, value in one.step.arguments if name not in _MODE and name not in follows
        ]
        subject = arguments[0][1] if arguments else None
        if _is_dropout(one.step.operation):
            names["step", number, 0] = subject
        elif not str(subject).endswith("num_batches_tracked')"):
            names |= {("step", number, out): ("made", len(steps), out) for out in range(len(one.axes))}
            widths = [[plan.axes[i] for i in dims if not isinstance(plan.axes[i], Fixed)] for dims in one.axes]
            steps.append((one.step.layer, one.step.operation, arguments, widths))
    return [*steps, *((path, renamed(origin)) for path, origin, _ in planned.outputs)]


def _check_counts(plan: Plan, model: nn.Module, selection: Selection) -> None:
    allocation = [len(units) for units in selection]
    pruned = slice_model(model, plan, selection)
    _expect_equal("parameters", plan.params(allocation), sum(p.numel() for p in pruned.parameters()))
    try:
        _expect_equal("MACs", plan.macs(allocation), count_macs(pruned, plan.spec.input_size), valued=plan.valued)
    except PruningError:
        raise
    except Exception as error:
        raise UnsupportedModelError("", "forward of a sliced model", describe_exception(error)) from error


def _expect_equal(what: str, planned: int, counted: int, *, valued: bool = False) -> None:
    if planned != counted:
        why = "; it computes with values, and how much it computes depends on them" if valued else ""
        raise UnsupportedModelError(
            "", f"counting {what}", f"the plan says {planned:,}, a sliced model has {counted:,}{why}"
        )
