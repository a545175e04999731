"""A plan is trusted when it proves itself on the model's own structure.

1. **Agreement.** Models that are really sliced run the operations that the plan says, on tensors as long as it says, in
   eval mode and in training mode (`pruning.agreement`).
2. **Oracles, in float64 on random weights.** Permutation, permutation after a cut, and rubbish in the place of what is
   cut (`pruning.oracles`); in training mode as well where that pass computes something else.
3. **Statements.** Sliced layers state the sizes of their weights (`pruning.stated`).
4. **Counting.** Really sliced models must cost what the plan says, by fvcore (left out, and said so in `Plan.proof`,
   when fvcore is not installed) and in parameters.
"""

import random
from collections.abc import Callable, Iterator, Sequence

from torch import nn

from pruning.agreement import disagreement, lengths_of, name_of
from pruning.counter import count_macs
from pruning.errors import CounterUnavailableError, PruningError, UnsupportedModelError
from pruning.following import in_words, shadow_of
from pruning.oracles import Oracles, randomised
from pruning.owners import Fixed
from pruning.plan import Plan, PlannedPass
from pruning.rubbish import TOLERANCE
from pruning.settling import probes
from pruning.slicing import Selection, slice_model
from pruning.stated import misstated
from pruning.stillness import DROPOUTS

__all__ = ["permutation_error", "prove", "random_selection", "randomised"]

_PRUNINGS = 2
_FEW = 4  # units: 1 in 24 orders of them is any given one
_SEED = 1  # not the one that plans are settled with
# What may differ between two passes that compute alike: that they are in another mode, and on how many images.
_MODE = {"training", "train", "use_input_stats", "momentum"}


def prove(plan: Plan, model: nn.Module) -> str:
    """How the plan was proved, in words.

    Raises:
        UnsupportedModelError: the plan failed; the message says where.
    """
    if {planned.training for planned in plan.passes} != {False, True}:
        raise UnsupportedModelError("", "the whole network", "the plan does not say what a training pass does")
    selections = probes(plan, _SEED)
    shadow = shadow_of(model)
    everything = tuple(tuple(range(group.units)) for group in plan.groups)
    for selection in (everything, *selections):
        if (wrong := disagreement(plan, shadow, selection)) is not None:
            stop = wrong.stop
            raise UnsupportedModelError(stop.layer, f"{stop.operation} of a sliced model", stop.reason)
    modes = (False, True) if _trains_otherwise(plan) else (False,)
    error = max(_consulted(plan, model, selections[1], training=mode) for mode in modes)
    rng = random.Random(0)  # noqa: S311 - a sample, not a secret
    usual = misstated(model).keys()
    for selection in selections:
        for layer, words in misstated(slice_model(shadow, plan, selection)).items():
            if layer not in usual:
                raise UnsupportedModelError(layer, "what a sliced layer states", words)
    counted = [_counted(plan, model, random_selection(plan, rng)) for _ in range(_PRUNINGS)]
    words = (
        f"every length of {len(selections)} sliced models in both modes; permutation of all groups before and after "
        "a cut, and every operation beside that of a sliced model, in float64 "
        f"(error {error:.0e}{', both modes' if len(modes) > 1 else ''})"
    )
    return words + (f"; fvcore on {_PRUNINGS} random prunings" if all(counted) else "; fvcore is not installed")


def permutation_error(plan: Plan, model: nn.Module, groups: tuple[int, ...] | None = None, *, seed: int = 0) -> float:
    """The largest change of the output, relative to its largest element, when the units of `groups` (all by
    default) are reordered in a float64 copy of `model` with random weights."""
    return Oracles(plan, model, probes(plan)[1], seed=seed).permuted(groups)


def random_selection(plan: Plan, rng: random.Random) -> Selection:
    """A random number of random units in each group."""
    return tuple(tuple(sorted(rng.sample(range(group.units), rng.randint(1, group.units)))) for group in plan.groups)


def _consulted(plan: Plan, model: nn.Module, selection: Selection, *, training: bool) -> float:
    """The largest error of all oracles."""
    oracles = Oracles(plan, model, selection, training=training)
    mode = " in training mode" if training else ""
    return max(
        *(_asked(plan, oracles.permuted, f"permutation of units{mode}", some) for some in rounds(plan)),
        _asked(plan, oracles.permuted_after_a_cut, f"permutation of units after a cut{mode}"),
        oracles.rubbish(),
    )


def rounds(plan: Plan) -> Iterator[tuple[int, ...] | None]:
    """All groups at once; then groups of few units in turns, so that of any two one is reordered and the other is not:
    they could have been reordered alike by chance, and would hide that a weight follows the wrong one."""
    yield None
    few = [group.index for group in plan.groups if group.units <= _FEW]
    for bit in range(max(0, len(few) - 1).bit_length()):
        yield tuple(index for place, index in enumerate(few) if place >> bit & 1)


def _asked(
    plan: Plan,
    oracle: Callable[[Sequence[int] | None], float],
    what: str,
    groups: Sequence[int] | None = None,
) -> float:
    try:
        error = oracle(groups)
        if error <= TOLERANCE:
            return error
        layer = next(_guilty(plan, oracle), "several layers together")
    except PruningError:
        raise
    except Exception as problem:
        raise UnsupportedModelError("", f"forward of a sliced model: {what}", in_words(problem)) from problem
    raise UnsupportedModelError(layer, what, f"the output changed by {error:.1e} relative to its size")


def _guilty(plan: Plan, oracle: Callable[[Sequence[int] | None], float]) -> Iterator[str]:
    """The groups that fail alone."""
    for group in plan.groups:
        if not oracle((group.index,)) <= TOLERANCE:
            yield group.name


def _trains_otherwise(plan: Plan) -> bool:
    """Whether the training pass runs other operations, or with other numbers, than the eval pass."""
    kinds = [_computed(plan, planned) for planned in plan.passes]
    return any(kind != kinds[0] for kind in kinds)


def _is_dropout(operation: str) -> bool:
    return name_of(operation) in DROPOUTS


def _computed(plan: Plan, planned: PlannedPass) -> list[object]:
    """The steps without what a mode alone changes: dropout, which lets everything pass, counts of batches, and how many
    images there are, which shows in lengths that no cut changes."""
    names: dict[object, object] = {}

    def renamed(value: object) -> object:
        if isinstance(value, tuple):
            return names.get(value, tuple(renamed(part) for part in value))
        return value

    steps: list[object] = []
    for number, one in enumerate(planned.steps):
        follows = lengths_of(one.step.operation)
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


def _counted(plan: Plan, model: nn.Module, selection: Selection) -> bool:
    allocation = [len(units) for units in selection]
    pruned = slice_model(model, plan, selection)
    _expect("parameters", plan.params(allocation), sum(p.numel() for p in pruned.parameters()))
    try:
        _expect("MACs", plan.macs(allocation), count_macs(pruned, plan.spec.input_size))
    except CounterUnavailableError:
        return False
    except PruningError:
        raise
    except Exception as problem:
        raise UnsupportedModelError("", "forward of a sliced model", in_words(problem)) from problem
    return True


def _expect(what: str, planned: int, counted: int) -> None:
    if planned != counted:
        raise UnsupportedModelError(
            "", f"counting {what}", f"the plan says {planned:,}, a sliced model has {counted:,}"
        )
