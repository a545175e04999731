"""Turn a trace into groups: which leaves can be pruned, how they are named, and which are isomorphic."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from pruning.axes import Axis, Form
from pruning.owners import Concat, Fixed, Grid, Owner, Units
from pruning.plan import Group, GroupKind, IsomorphicSet
from pruning.rules.registry import AxisUse
from pruning.trace import Trace

_KIND_OF_ROLE = (
    (AxisUse.PRODUCT_BATCH, GroupKind.HEADS),
    (AxisUse.PRODUCT_INNER, GroupKind.HEAD_DIMS),
    (AxisUse.CONV_GROUPS, GroupKind.CONV_GROUPS),
)
_SUFFIX = {GroupKind.HEADS: "[heads]", GroupKind.HEAD_DIMS: "[dims]", GroupKind.CONV_GROUPS: "[groups]"}


@dataclass(frozen=True, slots=True)
class _Use:
    """One dimension of one parameter that a leaf reaches."""

    parameter: str
    dimension: int


def group_axes(trace: Trace, model: nn.Module) -> tuple[tuple[Group, ...], tuple[IsomorphicSet, ...], "OwnerTable"]:
    """The prunable groups in order of execution, their isomorphic sets, and the owner of every axis."""
    uses = _uses(trace, model)
    tensors = dict(model.named_parameters()) | dict(model.named_buffers())
    kinds = _kinds(trace, uses, tensors)
    drafts = [
        Group(index, _name(uses[leaf], kinds[leaf]), trace.axes.size(leaf), kinds[leaf], -1, _layers(uses[leaf]))
        for index, leaf in enumerate(uses)
    ]
    signatures = [_signature(draft, uses[leaf], model, tensors) for draft, leaf in zip(drafts, uses, strict=True)]
    sets = _sets(drafts, signatures)
    belongs = {member: s.index for s in sets for member in s.groups}
    names = _distinct([draft.name for draft in drafts])
    groups = tuple(
        Group(d.index, name, d.units, d.kind, belongs[d.index], d.layers) for d, name in zip(drafts, names, strict=True)
    )
    return groups, sets, OwnerTable(trace, {leaf: i for i, leaf in enumerate(uses)})


class OwnerTable:
    """The distinct owner maps of axes, in the order in which they were asked for."""

    def __init__(self, trace: Trace, group_of: Mapping[Axis, int]) -> None:
        self._axes, self._group_of = trace.axes, group_of
        self._places: dict[Owner, int] = {}
        self._owners: dict[Axis, Owner] = {}

    def owner(self, axis: Axis) -> Owner:
        """The owner map of an axis."""
        root = self._axes.find(axis)
        if root not in self._owners:
            self._owners[root] = self._express(root)
        return self._owners[root]

    def place(self, axis: Axis) -> int:
        """The position of the axis' owner map in `all`; a new map is appended."""
        return self._places.setdefault(self.owner(axis), len(self._places))

    def all(self) -> tuple[Owner, ...]:
        """The distinct owner maps for which `place` was called."""
        return tuple(self._places)

    def leaves(self) -> tuple[Axis, ...]:
        """The axis of each group, in order."""
        return tuple(self._group_of)

    def _express(self, root: Axis) -> Owner:
        size = self._axes.size(root)
        if self._axes.form(root) is Form.LEAF:
            group = self._group_of.get(root)
            return Fixed(size) if group is None else Units(group, size)
        children = tuple(self.owner(child) for child in self._axes.children(root))
        if all(isinstance(child, Fixed) for child in children):
            return Fixed(size)
        return (Concat if self._axes.form(root) is Form.CONCAT else Grid)(children, size)


def _uses(trace: Trace, model: nn.Module) -> dict[Axis, list[_Use]]:
    """Prunable leaves in order of execution, each with the parameter dimensions that it reaches.

    A leaf that reaches buffers only (a table of positions) is left out.
    """
    trainable = {name for name, _ in model.named_parameters()}
    uses: dict[Axis, list[_Use]] = defaultdict(list)
    for name, dims in trace.parameters.items():
        for i, axis in enumerate(dims):
            for leaf in dict.fromkeys(trace.axes.leaves(axis)):
                if not trace.axes.is_fixed(leaf):
                    uses[leaf].append(_Use(name, i))
    return {leaf: found for leaf, found in uses.items() if any(use.parameter in trainable for use in found)}


def _kinds(trace: Trace, uses: Mapping[Axis, list[_Use]], tensors: Mapping[str, torch.Tensor]) -> dict[Axis, GroupKind]:
    roles: dict[Axis, set[AxisUse]] = defaultdict(set)
    for axis, role in trace.roles:
        for leaf in trace.axes.leaves(axis):
            roles[leaf].add(role)
    return {leaf: _kind(roles[leaf], tensors[found[0].parameter]) for leaf, found in uses.items()}


def _kind(roles: set[AxisUse], producer: torch.Tensor) -> GroupKind:
    for role, kind in _KIND_OF_ROLE:
        if role in roles:
            return kind
    if AxisUse.NORMALISED in roles:
        return GroupKind.EMBEDDING
    return GroupKind.NEURONS if producer.dim() == 2 else GroupKind.CHANNELS


def _name(uses: list[_Use], kind: GroupKind) -> str:
    return (_layer(uses[0].parameter) or uses[0].parameter) + _SUFFIX.get(kind, "")


def _layer(parameter: str) -> str:
    return parameter.rpartition(".")[0]


def _layers(uses: list[_Use]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_layer(use.parameter) or use.parameter for use in uses))


def _distinct(names: list[str]) -> list[str]:
    """Number all but the first of equal names: one layer may give several groups (the halves of a chunk)."""
    seen: Counter[str] = Counter()
    distinct = []
    for name in names:
        seen[name] += 1
        distinct.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return distinct


def _signature(
    group: Group, uses: list[_Use], model: nn.Module, tensors: Mapping[str, torch.Tensor]
) -> tuple[object, ...]:
    """Kind, number of units, and for every use the layer's type, its parameter and dimension, and the kernel size."""
    around = Counter(
        (
            type(model.get_submodule(_layer(use.parameter))).__name__,
            use.parameter.rpartition(".")[2],
            use.dimension,
            tuple(tensors[use.parameter].shape[2:]) if tensors[use.parameter].dim() > 3 else (),
        )
        for use in uses
    )
    return (group.kind, group.units, frozenset(around.items()))


def _sets(groups: list[Group], signatures: list[tuple[object, ...]]) -> tuple[IsomorphicSet, ...]:
    members: dict[tuple[object, ...], list[Group]] = defaultdict(list)
    for group, signature in zip(groups, signatures, strict=True):
        members[signature].append(group)
    return tuple(
        IsomorphicSet(
            i,
            tuple(g.index for g in same),
            same[0].units,
            f"{same[0].name}" + (f" and {len(same) - 1} more" if len(same) > 1 else ""),
        )
        for i, same in enumerate(members.values())
    )
