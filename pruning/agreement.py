"""Check, operation by operation, that a sliced model does what its plan says.

The sliced model runs on the meta device, so nothing is computed. Each operation must be the one that the whole model
runs at this point, on tensors of the same origins, with the same numbers, and each output must have the shape that the
plan states. This catches what runs without failing and is still wrong: a slice whose bounds are literals, a scale that
merely equals a width, a branch on the number of channels.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from pruning.errors import UnsupportedModelError
from pruning.following import Follower, Step, tensors_in
from pruning.inputs import InputSize
from pruning.outputs import named_tensors
from pruning.owners import evaluate
from pruning.plan import Plan, PlannedPass
from pruning.slicing import Selection, slice_model

# Arguments that state a length of the output and so may follow a cut: the output's shape shows whether they did.
_LENGTHS = frozenset({"size", "shape", "sizes", "split_size", "split_sizes", "normalized_shape", "length"})
# The same, for names that mean something else in other operations.
_LENGTHS_OF = {
    "slice": ("start", "end"),
    "narrow": ("start",),
    "repeat": ("repeats",),
    "tile": ("dims",),
    "group_norm": ("num_groups",),
    "conv1d": ("groups",),
    "conv2d": ("groups",),
    "conv3d": ("groups",),
    "conv_transpose1d": ("groups",),
    "conv_transpose2d": ("groups",),
    "conv_transpose3d": ("groups",),
}


def length_arguments(operation: str) -> frozenset[str]:
    """The arguments in which an operation, such as `aten.slice.Tensor`, states lengths of its output."""
    return _LENGTHS | set(_LENGTHS_OF.get(name_of(operation), ()))


def name_of(operation: str) -> str:
    """The operation's name without namespace and overload."""
    return operation.split(".")[1]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """The first point where a sliced model departs from its plan.

    Attributes:
        agreed: number of steps before it that were as planned, over all passes.
        error: the layer, the operation and what differs.
        number: whether an argument that states no length differs, such as a scale.
    """

    agreed: int
    error: UnsupportedModelError
    number: bool


def find_disagreement(plan: Plan, shadow: nn.Module, selection: Selection) -> Disagreement | None:
    """The first point where the model sliced from `shadow` (on the meta device) departs from the plan, or None."""
    kept = [len(units) for units in selection]
    lengths = [evaluate(owner.width(), kept) for owner in plan.axes]
    subject = slice_model(shadow, plan, selection)
    agreed = 0
    for planned in plan.passes:
        observer = _Observer(subject, planned, lengths)
        error = observer.departure(plan.spec.input_size)
        agreed += observer.agreed
        if error is not None:
            return Disagreement(agreed, error, observer.number)
    return None


class _Observer(Follower):
    """Follows one pass of a sliced model and stops it where it departs from the plan."""

    def __init__(self, subject: nn.Module, planned: PlannedPass, lengths: Sequence[int]) -> None:
        super().__init__(subject)
        self._planned, self._lengths = planned, lengths
        self.agreed = 0
        self.number = False

    def departure(self, input_size: InputSize) -> UnsupportedModelError | None:
        try:
            out = self.run(input_size, training=self._planned.training)
            if self.agreed < len(self._planned.steps):
                missing = self._planned.steps[self.agreed].step
                raise UnsupportedModelError(missing.layer, missing.operation, "a sliced model does not run it")
            returned = tuple((path, self.plain_data(t), tuple(t.shape)) for path, t in named_tensors(out).items())
            if returned != self._planned.outputs:
                reason = _describe_outputs(self._planned.outputs, returned)
                raise UnsupportedModelError("", "the model's output", reason)
        except UnsupportedModelError as error:
            return error
        return None

    def on_executed(self, step: Step, func: Any, args: dict[str, Any], out: Any) -> None:
        if self.agreed == len(self._planned.steps):
            raise UnsupportedModelError(step.layer, step.operation, "the whole model does not run it here")
        planned = self._planned.steps[self.agreed]
        wrong = _describe_difference(planned.step, step)
        self.number = wrong is not None
        shapes = [tuple(self._lengths[i] for i in dims) for dims in planned.axes]
        made = [tuple(tensor.shape) for tensor in tensors_in(out)]
        if wrong is None and made != shapes:
            wrong = f"its output in a sliced model is {_shapes(made)} where {_shapes(shapes)} is planned"
        if wrong is None and planned.start is not None and _start(args) != self._lengths[planned.start]:
            wrong = f"a sliced model starts at {_start(args)} where {self._lengths[planned.start]} is planned"
        if wrong is not None:
            raise UnsupportedModelError(step.layer, step.operation, wrong)
        self.agreed += 1


def _start(args: Mapping[str, Any]) -> int:
    start = args["start"] or 0
    return int(start + args["self"].shape[args["dim"]] if start < 0 else start)


def _describe_difference(planned: Step, seen: Step) -> str | None:
    if (planned.layer, planned.operation) != (seen.layer, seen.operation):
        return f"the whole model runs {planned.operation} in {planned.layer or '(top)'!r} at this point"
    follow = length_arguments(seen.operation)
    for (argument, before), (_, after) in zip(planned.arguments, seen.arguments, strict=True):
        if before != after and argument not in follow:
            return f"its argument {argument} is {_brief(before)} in the whole model and {_brief(after)} in a sliced one"
    return None


def _describe_outputs(planned: Iterable[tuple[Any, ...]], seen: Iterable[tuple[Any, ...]]) -> str:
    before, after = ({path: shape for path, _, shape in side} for side in (planned, seen))
    if before == after:
        return "a sliced model returns the results of other operations"
    return f"the whole model returns {before}, a sliced one {after}"


def _shapes(shapes: Iterable[tuple[int, ...]]) -> str:
    return " and ".join(str(list(shape)) for shape in shapes)


def _brief(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
