"""Run a model once without computing anything, and learn which dimensions of its tensors belong together.

The model is copied to the `meta` device (shapes only) and run in inference mode, where every operation still
has the name that fvcore counts by: `linear`, `matmul`, `layer_norm`. Each operation's rule (`pruning.rules`)
labels its outputs' dimensions with axes and charges its MACs as a product of axis lengths.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from pruning.axes import Axes, Axis, AxisMismatchError
from pruning.cloning import clone_structure
from pruning.errors import UnsupportedModelError
from pruning.rules.pointwise import pointwise
from pruning.rules.registry import Call, CannotFollowError, CostKind, Role, Rule
from pruning.rules.table import RULES


@dataclass(frozen=True, slots=True)
class Cost:
    """`times · Π len(factor)` operations, spent by one layer."""

    kind: CostKind
    layer: str
    times: int
    factors: tuple[Axis, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A layer states lengths of axes as numbers of its own: in the named attribute, or in one yet to be found."""

    layer: str
    attribute: str | None
    axes: tuple[Axis, ...]


@dataclass(slots=True)
class Trace:
    """What one run taught.

    Attributes:
        parameters: parameter or buffer name → an axis per dimension, in the order of first use.
        costs: in order of execution.
        statements: lengths that layers state as numbers.
        roles: what leaves were seen doing.
        inputs: layer → the axes of all tensors that it was called with.
        operations: every operation that ran, with its layer.
    """

    axes: Axes = field(default_factory=Axes)
    parameters: dict[str, tuple[Axis, ...]] = field(default_factory=dict)
    costs: list[Cost] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    roles: list[tuple[Axis, Role]] = field(default_factory=list)
    inputs: dict[str, tuple[Axis, ...]] = field(default_factory=dict)
    operations: list[tuple[str, str]] = field(default_factory=list)

    def macs(self) -> int:
        """What the traced model costs."""
        return sum(cost.times * math.prod(self.axes.size(axis) for axis in cost.factors) for cost in self.costs)


def trace(model: nn.Module, input_size: tuple[int, int, int]) -> Trace:
    """Trace `model` in eval mode on one input of `input_size`. The model itself is neither run nor changed.

    Raises:
        UnsupportedModelError: an operation has no rule, or is used in a way that its rule cannot follow.
    """
    shadow = shadow_of(model)
    tracer = _Tracer(shadow)
    tracer.follow(shadow)
    dtype = next((p.dtype for p in shadow.parameters() if p.is_floating_point()), torch.float32)
    image = torch.empty(1, *input_size, device="meta", dtype=dtype)
    with torch.inference_mode(), tracer:
        tracer.close(tracer.run(shadow, image))
    return tracer.found


def shadow_of(model: nn.Module) -> nn.Module:
    """A copy of the model in eval mode, on the meta device, with attention unfused so that it can be counted."""
    memo: dict[int, Any] = {}
    for module in model.modules():
        for value in (*module._parameters.values(), *module._buffers.values(), *vars(module).values()):
            if isinstance(value, torch.Tensor):
                shape = value.detach().to("meta")
                memo[id(value)] = nn.Parameter(shape, value.requires_grad) if isinstance(value, nn.Parameter) else shape
    shadow = clone_structure(model, memo).eval()
    unfuse_attention(shadow)
    return shadow


def unfuse_attention(model: nn.Module) -> None:
    """Make timm's attention layers write their two products out, where a counter can see them."""
    for module in model.modules():
        if hasattr(module, "fused_attn"):
            vars(module)["fused_attn"] = False


class _Tracer(TorchDispatchMode):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.found = Trace()
        self.axes = self.found.axes
        self._labels: dict[int, tuple[Axis, ...]] = {}
        self._alive: list[torch.Tensor] = []  # a label is kept by identity, so the tensor must not die
        self._names = {id(t): name for name, t in (*model.named_parameters(), *model.named_buffers())}
        self._layers: list[str] = [""]
        self._free = False

    # ---- the Walk that rules see

    def dims(self, tensor: torch.Tensor) -> tuple[Axis, ...]:
        known = self._labels.get(id(tensor))
        if known is not None:
            return known
        name = self._names.get(id(tensor))
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
            self._alive.append(tensor)
        self._labels[id(tensor)] = tuple(dims)

    def charge(self, kind: CostKind, *factors: Axis, times: int = 1) -> None:
        if not self._free:
            self.found.costs.append(Cost(kind, self._layers[-1], times, factors))

    def note(self, axis: Axis, role: Role) -> None:
        self.found.roles.append((axis, role))

    def bind(self, attribute: str, *axes: Axis) -> None:
        self.found.statements.append(Statement(self._layers[-1], attribute, axes))

    def written(self, size: int, axis: Axis) -> None:
        assert size == self.axes.size(axis), (size, self.axes.size(axis))
        self.found.statements.append(Statement(self._layers[-1], None, (axis,)))

    # ---- following the run

    def follow(self, model: nn.Module) -> None:
        for name, module in model.named_modules():
            module.register_forward_pre_hook(partial(self._enter, name))
            module.register_forward_hook(self._leave)

    def run(self, model: nn.Module, image: torch.Tensor) -> object:
        try:
            return model(image)
        except UnsupportedModelError:
            raise
        except Exception as problem:
            reason = " ".join(f"{type(problem).__name__}: {problem}".split())[:300]
            raise UnsupportedModelError(self._layers[-1], "forward", reason) from problem

    def _enter(self, name: str, _module: nn.Module, args: tuple[object, ...]) -> None:
        self._layers.append(name)
        tensors = [value for value in args if isinstance(value, torch.Tensor)]
        self.found.inputs[name] = tuple(axis for tensor in tensors for axis in self.dims(tensor))

    def _leave(self, *_: object) -> None:
        self._layers.pop()

    def close(self, out: object) -> None:
        """The outputs are the user's: none of their dimensions may change."""
        values = out.values() if isinstance(out, dict) else out if isinstance(out, (tuple, list)) else [out]
        for tensor in values:
            if isinstance(tensor, torch.Tensor):
                for axis in self.dims(tensor):
                    self.axes.fix(axis)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        self.found.operations.append((self._layers[-1], str(func)))
        follow = self._rule(func, args, kwargs)
        if follow is None:
            return self._decomposed(func, args, kwargs)
        out = func(*args, **kwargs)
        call = Call(func.overloadpacket.__name__, _bind(func, args, kwargs), out)
        try:
            follow(self, call)
        except (AxisMismatchError, CannotFollowError) as problem:
            raise UnsupportedModelError(self._layers[-1], str(func), str(problem)) from problem
        return out

    def _rule(self, func: Any, args: Any, kwargs: Any) -> Rule | None:
        found = RULES.get(func.overloadpacket.__name__)
        if found is not None or func.namespace != "aten":
            return found
        if torch.Tag.pointwise in func.tags:
            return pointwise
        return None

    def _decomposed(self, func: Any, args: Any, kwargs: Any) -> Any:
        """An operation without a rule is followed through its parts. fvcore does not look inside, so they are free."""
        outermost, self._free = not self._free, True
        try:
            with self:
                out = func.decompose(*args, **kwargs)
        finally:
            if outermost:
                self._free = False
        if out is NotImplemented:
            raise UnsupportedModelError(self._layers[-1], str(func))
        return out


def _bind(func: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    bound = {}
    for i, argument in enumerate(func._schema.arguments):
        if i < len(args):
            bound[argument.name] = args[i]
        else:
            bound[argument.name] = kwargs.get(argument.name, argument.default_value)
    return bound
