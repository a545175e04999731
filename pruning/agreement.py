"""Does a model that is really sliced do what its plan says, operation by operation?

It is run on the meta device, so nothing is computed: each operation must be the one that the whole model runs at this
place, on tensors that come from the same places, with the same numbers, and every tensor that comes out must be as long
in each dimension as the plan says. A slice whose bounds were written as numbers, a scale that only equals a width, a
branch that asks how many channels there are: all of them run without failing, and none of them passes here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from pruning.errors import UnsupportedModelError
from pruning.following import Follower, Step, tensors_in
from pruning.outputs import named_tensors
from pruning.owners import evaluate
from pruning.plan import Plan, PlannedPass
from pruning.slicing import Selection, slice_model

# Arguments that state a length of what comes out, and so may follow a cut: whether they did shows in that length.
_LENGTHS = frozenset({"size", "shape", "sizes", "split_size", "split_sizes", "normalized_shape", "length"})
# The same, where the name means something else in other operations.
_LENGTHS_OF = {
    "slice": ("start", "end"),
    "narrow": ("start",),
    "conv1d": ("groups",),
    "conv2d": ("groups",),
    "conv3d": ("groups",),
    "conv_transpose1d": ("groups",),
    "conv_transpose2d": ("groups",),
    "conv_transpose3d": ("groups",),
}


def lengths_of(operation: str) -> frozenset[str]:
    """The arguments in which an operation, such as `aten.slice.Tensor`, states lengths of what comes out."""
    return _LENGTHS | set(_LENGTHS_OF.get(name_of(operation), ()))


def name_of(operation: str) -> str:
    """An operation without namespace and overload."""
    return operation.split(".")[1]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Where a sliced model first did something else than its plan.

    Attributes:
        agreed: steps that were as planned before it, all passes together.
        stop: what was found, in words.
        number: it was an argument that states no length, such as a scale.
    """

    agreed: int
    stop: UnsupportedModelError
    number: bool


def disagreement(plan: Plan, shadow: nn.Module, selection: Selection) -> Disagreement | None:
    """Where the model sliced from `shadow` (a copy on the meta device) departs from the plan, None if nowhere."""
    kept = [len(units) for units in selection]
    lengths = [evaluate(owner.width(), kept) for owner in plan.axes]
    subject = slice_model(shadow, plan, selection)
    agreed = 0
    for planned in plan.passes:
        observer = _Observer(subject, planned, lengths)
        stop = observer.departure(plan.spec.input_size)
        agreed += observer.agreed
        if stop is not None:
            return Disagreement(agreed, stop, observer.number)
    return None


class _Observer(Follower):
    """Follows one pass of a sliced model and stops it where it departs from the plan."""

    def __init__(self, subject: nn.Module, planned: PlannedPass, lengths: Sequence[int]) -> None:
        super().__init__(subject)
        self._planned, self._lengths = planned, lengths
        self.agreed = 0
        self.number = False

    def departure(self, input_size: tuple[int, int, int]) -> UnsupportedModelError | None:
        try:
            out = self.run(input_size, training=self._planned.training)
            if self.agreed < len(self._planned.steps):
                missing = self._planned.steps[self.agreed].step
                raise UnsupportedModelError(missing.layer, missing.operation, "a sliced model leaves it out")
            returned = tuple((path, self.told(t), tuple(t.shape)) for path, t in named_tensors(out).items())
            if returned != self._planned.outputs:
                raise UnsupportedModelError("", "the model's output", _other(self._planned.outputs, returned))
        except UnsupportedModelError as stop:
            return stop
        return None

    def executed(self, step: Step, func: Any, args: dict[str, Any], out: Any) -> None:
        if self.agreed == len(self._planned.steps):
            raise UnsupportedModelError(step.layer, step.operation, "the whole model does not run it here")
        planned = self._planned.steps[self.agreed]
        wrong = _difference(planned.step, step)
        self.number = wrong is not None
        shapes = [tuple(self._lengths[i] for i in dims) for dims in planned.axes]
        made = [tuple(tensor.shape) for tensor in tensors_in(out)]
        if wrong is None and made != shapes:
            wrong = f"a sliced model makes {_shapes(made)} of it where {_shapes(shapes)} is planned"
        if wrong is None and planned.start is not None and _start(args) != self._lengths[planned.start]:
            wrong = f"a sliced model starts at {_start(args)} where {self._lengths[planned.start]} is planned"
        if wrong is not None:
            raise UnsupportedModelError(step.layer, step.operation, wrong)
        self.agreed += 1


def _start(args: Mapping[str, Any]) -> int:
    start = args["start"] or 0
    return int(start + args["self"].shape[args["dim"]] if start < 0 else start)


def _difference(planned: Step, seen: Step) -> str | None:
    if (planned.layer, planned.operation) != (seen.layer, seen.operation):
        return f"the whole model runs {planned.operation} in {planned.layer or '(top)'!r} at this place"
    follow = lengths_of(seen.operation)
    for (argument, before), (_, after) in zip(planned.arguments, seen.arguments, strict=True):
        if before != after and argument not in follow:
            return f"its argument {argument} is {_brief(before)} in the whole model and {_brief(after)} in a sliced one"
    return None


def _other(planned: Iterable[tuple[Any, ...]], seen: Iterable[tuple[Any, ...]]) -> str:
    before, after = ({path: shape for path, _, shape in side} for side in (planned, seen))
    if before == after:
        return "a sliced model returns the results of other operations"
    return f"the whole model returns {before}, a sliced one {after}"


def _shapes(shapes: Iterable[tuple[int, ...]]) -> str:
    return " and ".join(str(list(shape)) for shape in shapes)


def _brief(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
