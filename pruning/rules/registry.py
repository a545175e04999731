"""The table from an operation's name to its rule, and what a rule may do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import torch

from pruning.axes import Axes, Axis


class CostKind(StrEnum):
    """What a cost is spent on. `PRODUCTS` are the multiplications of two activations, as in attention."""

    CONVOLUTION = "convolution"
    LINEAR = "linear"
    PRODUCTS = "products"
    NORMALISATION = "normalisation"
    POOLING = "pooling"
    RESAMPLING = "resampling"


class AxisUse(StrEnum):
    """What an axis was seen doing; a group's kind is told from its roles."""

    CONV_GROUPS = "conv groups"
    PRODUCT_BATCH = "batch of a product"
    PRODUCT_INNER = "inside a product"
    NORMALISED = "normalised over"


@dataclass(frozen=True, slots=True)
class Call:
    """One executed operation.

    Attributes:
        name: the operation without namespace and overload, e.g. `conv2d`.
        args: every argument by its schema name, defaults filled in.
        out: what it returned.
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
        """Say which axes an output's dimensions are."""

    def charge(self, kind: CostKind, *factors: Axis, times: int = 1) -> None:
        """Add `times · Π len(factor)` to the model's cost."""

    def note(self, axis: Axis, role: AxisUse) -> None:
        """Remember what an axis was seen doing."""

    def bind(self, attribute: str, *axes: Axis) -> None:
        """The running module states these lengths in its attribute, which must follow when the axes are cut."""

    def starts_after(self, axis: Axis) -> None:
        """The operation takes what comes after these indices, so its start is their number."""

    def written(self, size: int, axis: Axis) -> None:
        """The running module wrote this length as a number; whichever attribute holds it must follow."""


class CannotFollowError(Exception):
    """A rule met a use of its operation that it cannot follow. Internal: the tracer names the layer."""


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
