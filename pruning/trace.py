"""Trace a model without computing values, and record which dimensions of its tensors belong together.

Each operation's rule (`pruning.rules`) labels its outputs' dimensions with axes and charges its MACs as a product of
axis lengths. The training pass is traced too: it can tie axes, and its costs are not counted.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from pruning.axes import Axes, Axis, AxisMismatchError
from pruning.following import Follower, Returned, Step, rule_of, shadow_of, tensors_in
from pruning.inputs import InputSize
from pruning.outputs import named_tensors
from pruning.rules.opaque import opaque
from pruning.rules.registry import AxisUse, Call, CannotFollowError, CostKind

RETURNED = "the model returns it"


@dataclass(frozen=True, slots=True)
class Cost:
    """A cost of `times · Π len(factor)` MACs in one layer."""

    kind: CostKind
    layer: str
    times: int
    factors: tuple[Axis, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A layer states lengths of axes as numbers.

    Attributes:
        layer: the layer's name.
        attribute: the attribute that holds the numbers; None if it has yet to be found.
        axes: the axes whose lengths they are.
        ties: whether what states another length as well, or is as long, must stay equally long.
    """

    layer: str
    attribute: str | None
    axes: tuple[Axis, ...]
    ties: bool = True


@dataclass(frozen=True, slots=True)
class Followed:
    """One step with the axes of its output tensors.

    Attributes:
        step: the operation.
        outputs: for each output tensor, an axis per dimension.
        start: for a slice, the axis of the part before it.
    """

    step: Step
    outputs: tuple[tuple[Axis, ...], ...]
    start: Axis | None = None


@dataclass(slots=True)
class FollowedPass:
    """One forward pass.

    Attributes:
        steps: its operations, in order.
        outputs: for each tensor that it returned, its path in the output, its origin and its shape.
    """

    steps: list[Followed] = field(default_factory=list)
    outputs: tuple[Returned, ...] = ()


@dataclass(slots=True)
class Trace:
    """What the passes showed.

    Attributes:
        axes: all axes and how they are composed.
        parameters: parameter or buffer name → an axis per dimension, in the order of first use.
        costs: costs of the eval pass, in order of execution.
        statements: lengths that layers state as numbers.
        roles: how axes were used.
        inputs: layer → the axes of all tensors that it was called with, without the batch dimension.
        passes: the pass in eval mode (False) and in training mode (True).
    """

    axes: Axes = field(default_factory=Axes)
    parameters: dict[str, tuple[Axis, ...]] = field(default_factory=dict)
    costs: list[Cost] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    roles: list[tuple[Axis, AxisUse]] = field(default_factory=list)
    inputs: dict[str, tuple[Axis, ...]] = field(default_factory=dict)
    passes: dict[bool, FollowedPass] = field(default_factory=dict)

    def macs(self) -> int:
        """The MACs of the traced model."""
        return sum(cost.times * math.prod(self.axes.size(axis) for axis in cost.factors) for cost in self.costs)


def trace(model: nn.Module, input_size: InputSize, *, training: bool = True, valued: bool = False) -> Trace:
    """Trace `model` in eval mode and then in training mode. The model itself is neither run nor changed.

    Args:
        model: the model.
        input_size: of each input.
        training: False traces the eval pass only, which is enough for counting MACs.
        valued: run this very model, on values; it is a copy made for that (`pruning.oracles.valued_copy`).

    Raises:
        UnsupportedModelError: the model cannot be copied, or its forward pass failed.
    """
    tracer = _Tracer(model if valued else shadow_of(model))
    for mode in (False, True) if training else (False,):
        tracer.follow(input_size, mode)
    return tracer.found


class _Tracer(Follower):
    """Follows passes and labels their tensors; it is the `Walk` that the rules receive."""

    def __init__(self, shadow: nn.Module) -> None:
        super().__init__(shadow)
        self.found = Trace()
        self.axes = self.found.axes
        self._labels: dict[int, tuple[Axis, ...]] = {}
        self._labelled: list[torch.Tensor] = []  # labels are stored by `id`, so no tensor may be freed
        self._pending: dict[int, tuple[tuple[Axis, ...], str]] = {}  # of tensors that are labelled, so not freed
        self._training = False
        self._start: Axis | None = None

    def follow(self, input_size: InputSize, training: bool) -> None:
        """Trace one pass and fix the axes of its outputs, because no cut may change what the user receives."""
        self._training = training
        current = self.found.passes[training] = FollowedPass()
        returned = named_tensors(self.run(input_size, training=training))
        self._settle_used(list(returned.values()))
        for tensor in returned.values():
            self.axes.at = ("", "output")
            for axis in self.dims(tensor):
                self.axes.fix(axis, RETURNED)
        current.outputs = tuple((path, self.plain_data(t), tuple(t.shape)) for path, t in returned.items())

    # ---- the Walk that rules see

    def dims(self, tensor: torch.Tensor) -> tuple[Axis, ...]:
        known = self._labels.get(id(tensor))
        if known is not None:
            return known
        name = self.names.get(id(tensor))
        make: Callable[[int], Axis] = self.axes.constant if name is None else self.axes.leaf
        self.label(tensor, [make(n) for n in tensor.shape])
        if name is not None:
            self.found.parameters[name] = self._labels[id(tensor)]
        return self._labels[id(tensor)]

    def label(self, tensor: torch.Tensor, dims: tuple[Axis, ...] | list[Axis]) -> None:
        sizes = [self.axes.size(axis) for axis in dims]
        if sizes != list(tensor.shape):
            raise CannotFollowError(f"a rule gave {sizes} for a tensor of shape {list(tensor.shape)}")
        if id(tensor) not in self._labels:
            self._labelled.append(tensor)
        self._labels[id(tensor)] = tuple(dims)

    def charge(self, kind: CostKind, *factors: Axis, times: int = 1) -> None:
        if not self.free and not self._training:
            self.found.costs.append(Cost(kind, self.layers[-1], times, factors))

    def note(self, axis: Axis, role: AxisUse) -> None:
        self.found.roles.append((axis, role))

    def bind(self, attribute: str, *axes: Axis) -> None:
        self.found.statements.append(Statement(self.layers[-1], attribute, axes))

    def states(self, attribute: str) -> bool:
        return attribute in vars(self._shadow.get_submodule(self.layers[-1]))

    def written(self, size: int, axis: Axis, *, ties: bool = True) -> None:
        assert size == self.axes.size(axis), (size, self.axes.size(axis))
        self.found.statements.append(Statement(self.layers[-1], None, (axis,), ties))

    def fix_if_used(self, tensor: torch.Tensor, axes: Sequence[Axis], why: str) -> None:
        self._pending[id(tensor)] = tuple(axes), why

    def starts_after(self, axis: Axis) -> None:
        self._start = axis

    def _settle_used(self, tensors: list[torch.Tensor]) -> None:
        for tensor in tensors:
            for axis in (used := self._pending.pop(id(tensor), ((), "")))[0]:
                self.axes.fix(axis, used[1])

    # ---- following the run

    def on_layer_entered(self, layer: str, tensors: list[torch.Tensor]) -> None:
        axes = tuple(axis for tensor in tensors for axis in self.dims(tensor)[1:])
        self.found.inputs[layer] = (*self.found.inputs.get(layer, ()), *axes)

    def on_copied(self, original: torch.Tensor, copy: torch.Tensor) -> None:
        self._settle_used([original])
        self.label(copy, self.dims(original))

    def on_executed(self, step: Step, func: Any, args: dict[str, Any], out: Any) -> None:
        follow = rule_of(func) or opaque
        call = Call(func.overloadpacket.__name__, args, out)
        self._start = None
        self.axes.at = (self.layers[-1], str(func))
        self._settle_used(tensors_in(list(args.values())))
        try:
            follow(self, call)
            outputs = tuple(self.dims(tensor) for tensor in tensors_in(out))
        except (AxisMismatchError, CannotFollowError) as error:
            opaque(self, call, str(error))
            outputs = tuple(self.dims(tensor) for tensor in tensors_in(out))
        self.found.passes[self._training].steps.append(Followed(step, outputs, self._start))
