"""The table of rules by operation name, and the interface that a rule uses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import torch

from pruning.axes import Axes, Axis


class CostKind(StrEnum):
    """The kind of operation that costs MACs; `PRODUCTS` multiply two activations, as in attention."""

    CONVOLUTION = "convolution"
    LINEAR = "linear"
    PRODUCTS = "products"
    NORMALISATION = "normalisation"
    POOLING = "pooling"
    RESAMPLING = "resampling"


class AxisUse(StrEnum):
    """How an axis is used; a group's kind follows from the uses of its axis."""

    CONV_GROUPS = "conv groups"
    PRODUCT_BATCH = "batch of a product"
    PRODUCT_INNER = "inside a product"
    NORMALISED = "normalised over"
    SPREAD = "an unbiased deviation over it alone"


@dataclass(frozen=True, slots=True)
class Call:
    """One executed operation.

    Attributes:
        name: the operation without namespace and overload, e.g. `conv2d`.
        args: every argument by its schema name, defaults filled in.
        out: its result.
    """

    name: str
    args: Mapping[str, Any]
    out: Any

    def tensor(self, name: str) -> torch.Tensor:
        """The argument of that name, which is a tensor."""
        value = self.args[name]
        assert isinstance(value, torch.Tensor), (self.name, name, type(value))
        return value


class Walk(Protocol):
    """The trace as a rule sees it."""

    axes: Axes

    def dims(self, tensor: torch.Tensor) -> tuple[Axis, ...]:
        """The axes of a tensor's dimensions."""

    def label(self, tensor: torch.Tensor, dims: tuple[Axis, ...] | list[Axis]) -> None:
        """Set the axes of an output's dimensions."""

    def charge(self, kind: CostKind, *factors: Axis, times: int = 1) -> None:
        """Add `times · Π len(factor)` to the model's cost."""

    def note(self, axis: Axis, role: AxisUse) -> None:
        """Record how an axis is used."""

    def bind(self, attribute: str, *axes: Axis) -> None:
        """Record that the running module states these lengths in an attribute, which must follow a cut."""

    def states(self, attribute: str) -> bool:
        """Whether the running module has this attribute."""

    def fix_if_used(self, tensor: torch.Tensor, axes: Sequence[Axis], why: str) -> None:
        """Fix these axes if any later operation takes this tensor, or the model returns it."""

    def starts_after(self, axis: Axis) -> None:
        """Record that the operation's start is the length of this axis, the part before its result."""

    def written(self, size: int, axis: Axis, *, ties: bool = True) -> None:
        """Record that the running module wrote this length as a number; the attribute that holds it must follow.

        Without `ties` an equal length elsewhere is taken for a coincidence: that of a tensor that is made shows by
        what it meets.
        """


class CannotFollowError(Exception):
    """A rule cannot follow this use of its operation. Internal: the tracer adds the layer's name."""


Rule = Callable[[Walk, Call], None]

RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register the decorated function as the rule of these operations."""

    def register(function: Rule) -> Rule:
        for name in names:
            assert name not in RULES, f"two rules for {name}"
            RULES[name] = function
        return function

    return register
