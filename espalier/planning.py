"""Plan a module: what can be cut from it, what follows each cut, what it costs, and what stays whole and why."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from torch import nn
from torch.nn.modules.conv import _ConvTransposeNd

from ground.names import did_you_mean, near_misses
from pruning.errors import AllocationError
from pruning.inputs import input_size_of
from pruning.masks import without_masks
from pruning.models import IN_MEMORY, ModelSpec
from pruning.plan import Allocation, FixedUnits, Group, Plan
from pruning.planning import build_plan

Inputs = Sequence[int] | Mapping[str, Sequence[int]]
"""The shape of the input without the batch, or the shapes of several by the names of forward's arguments."""
Forward = Callable[..., Any]
"""Called as `forward(model, *inputs)`: computes the part of a model that can be followed."""


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """What `plan` found. It holds no weights, so it serves every module of the same architecture.

    Attributes:
        exact: the plan itself, as the rooms below know it.
        ignored: layers that stay whole because you asked for it.
        limits: the least share of their units, or number of them, that layers keep.
        forward: what was followed in place of the module's own forward; None for that.
    """

    exact: Plan
    ignored: tuple[str, ...] = ()
    limits: tuple[tuple[str, float], ...] = ()
    forward: Forward | None = None

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups of units that are cut together, in order of execution: `name`, `units`, `kind`, `layers`."""
        return self.exact.groups

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the unpruned module at batch 1: exact, by the convention in `exact.counter`."""
        return self.exact.baseline_macs

    @property
    def params(self) -> int:
        """Number of parameters of the unpruned module."""
        return self.exact.baseline_params

    @property
    def least_macs(self) -> int:
        """The fewest multiply-accumulates that pruning reaches."""
        return self.exact.floor_macs()

    @property
    def fixed(self) -> tuple[FixedUnits, ...]:
        """What cannot be cut, in order of execution: `name`, `units`, the `reason`, and the MACs out of reach by it."""
        return self.exact.fixed

    def __str__(self) -> str:
        """A line for the whole, and one for each group and for what is fixed."""
        whole = f"{self.macs:,} MACs, {self.params:,} parameters; reachable down to {self.least_macs:,} MACs"
        groups = (f"{group.name}: {group.units} {group.kind}, in {len(group.layers)} layers" for group in self.groups)
        fixed = (f"{one.name}: {one.units} units stay whole ({one.reason})" for one in self.fixed)
        return "\n".join([whole, *groups, *fixed])


def plan(
    model: nn.Module,
    inputs: Inputs,
    *,
    ignore: Collection[str | nn.Module] = (),
    limits: Mapping[str, float] | None = None,
    forward: Forward | None = None,
    verify: bool = True,
) -> ModelPlan:
    """Find what can be cut from a module, and prove it. The module is neither run nor changed.

    Examples:
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3), nn.Flatten(), nn.Linear(64, 10))
        >>> print(plan(model, (3, 8, 8)))
        13,024 MACs, 1,166 parameters; reachable down to 1,276 MACs
        0: 8 channels, in 2 layers
        2: 4 channels, in 2 layers
        4: 10 units stay whole (the model returns it)
        >>> [group.name for group in plan(model, (3, 8, 8), ignore=["0"]).groups]
        ['2']
        >>> plan(model, (3, 8, 8), limits={"2": 0.5}).exact.least
        (1, 2)

    Args:
        model: a module, also in DataParallel, DistributedDataParallel or torch.compile.
        inputs: the shape of its input without the batch, as `(3, 224, 224)` or `(1, 16000)`; or of several inputs by
            the names of its arguments, as `{"image": (3, 64, 64), "pose": (10,)}`.
        ignore: layers, by name or as modules, that go on to produce all their channels, neurons or heads; a module
            stands for all layers in it. What such a layer reads may be cut.
        limits: the least that layers go on to produce: a share below 1, or a number of units.
        forward: follows `forward(model, *inputs)` instead of the module's own forward, where that does what no plan
            follows (a detector's choice of boxes). It counts, and prunes, the part that it computes.
        verify: prove the plan, unless an equal one was proved on this machine before.

    Raises:
        PruningError: an operation cannot be followed, nothing can be cut, or a name is unknown.
    """
    ignored = tuple(dict.fromkeys(name for one in ignore for name in _names(model, one)))
    floors = tuple((name, float(least)) for name, least in (limits or {}).items())
    for name, least in floors:
        _names(model, name)
        if not least > 0:
            raise AllocationError(f"the limit {least:g} of {name!r} cannot be used: a share or a number above 0 would")
    return planned(model, input_size_spec(model, inputs), ignored, floors, forward, verify=verify)


def input_size_spec(model: nn.Module, inputs: Inputs) -> ModelSpec:
    """What a module in memory is taken to be."""
    return ModelSpec(f"{IN_MEMORY}{type(without_masks(model)).__name__}", 0, input_size_of(inputs))


def planned(
    model: nn.Module,
    spec: ModelSpec,
    ignored: tuple[str, ...],
    limits: tuple[tuple[str, float], ...],
    forward: Forward | None,
    *,
    verify: bool,
) -> ModelPlan:
    """The plan with names and limits that were checked."""
    subject = followed(model, forward)
    prefix = "" if forward is None else f"{_INSIDE}."
    kept = tuple(prefix + name for name in ignored)
    exact = build_plan(subject, spec, verify=verify, whole=lambda draft: _produced(draft, subject, kept))
    if limits:
        exact = replace(exact, least=_least(exact, subject, [(prefix + name, few) for name, few in limits]))
    return ModelPlan(exact, ignored, limits, forward)


def followed(model: nn.Module, forward: Forward | None) -> nn.Module:
    """The module that is planned and sliced: without wrappers, and with `forward` in place of its own."""
    plain = without_masks(model)
    return plain if forward is None else _Followed(plain, forward)


def handed(module: nn.Module) -> nn.Module:
    """The user's module in one that was planned or sliced."""
    return module.model if isinstance(module, _Followed) else module


_INSIDE = "model"


class _Followed(nn.Module):
    """A module with another forward."""

    model: nn.Module

    def __init__(self, model: nn.Module, forward: Forward) -> None:
        super().__init__()
        self.model = model
        self._forward = forward
        self.train(model.training)

    def forward(self, *inputs: Any) -> Any:
        """Call the user's function."""
        return self._forward(self.model, *inputs)


def _names(model: nn.Module, one: str | nn.Module) -> tuple[str, ...]:
    """The names by which a plan knows a layer.

    Raises:
        AllocationError: the model has no such layer.
    """
    known = {name: module for name, module in without_masks(model).named_modules() if name}
    if isinstance(one, nn.Module):
        found = tuple(name for name, module in known.items() if module is one)
        if not found:
            raise AllocationError(f"a {type(one).__name__} that is to be ignored is no layer of this model")
        return found
    if one not in known:
        near = did_you_mean(near_misses(one, known))
        raise AllocationError(f"this model has no layer {one!r}: {near}its layers are {', '.join(list(known)[:8])}…")
    return (one,)


def _produced(plan: Plan, subject: nn.Module, names: Collection[str]) -> list[int]:
    """The groups whose units these layers, or layers in them, produce."""
    modules = dict(subject.named_modules())
    found: set[int] = set()
    for parameter, places in plan.parameters.items():
        layer, _, leaf = parameter.rpartition(".")
        if any(layer == name or layer.startswith(f"{name}.") for name in names):
            for dim, place in enumerate(places):
                if dim in _output_dims(modules[layer], leaf, len(places)):
                    found.update(plan.owners[place].groups())
    return sorted(found)


def _output_dims(module: nn.Module, parameter: str, dims: int) -> Collection[int]:
    """The dimensions of a parameter along which its layer produces; those of an unknown layer's are all."""
    if isinstance(module, _ConvTransposeNd | nn.Embedding) and parameter == "weight":
        return (1,)
    return (0,) if type(module).__module__.startswith("torch.nn.") else range(dims)


def _least(plan: Plan, subject: nn.Module, limits: Sequence[tuple[str, float]]) -> Allocation:
    least = list(plan.least or (1,) * len(plan.groups))
    for name, few in limits:
        for index in _produced(plan, subject, (name,)):
            units = plan.groups[index].units
            wanted = ceil(few * units) if few < 1 else int(few)
            least[index] = max(least[index], min(units, wanted))
    return tuple(least)
