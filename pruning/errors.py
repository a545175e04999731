"""The errors that this room raises for its users: picklable values with readable messages."""

import shlex
from collections.abc import Mapping, Sequence

from pruning.advice import advice_for


def describe_exception(error: Exception, longest: int = 300) -> str:
    """An exception of foreign code as its type and message, on one line of at most `longest` characters."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:longest]


class PruningError(ValueError):
    """Base of every error that this room raises for its users."""


class UnknownModelError(PruningError):
    """The name of a model is in no registry."""

    def __init__(self, name: str, near: Sequence[str] = (), reason: str = "") -> None:
        super().__init__(name, tuple(near), reason)
        self.name, self.near, self.reason = name, tuple(near), reason

    def __str__(self) -> str:
        near = f" Did you mean {', '.join(self.near)}?" if self.near else ""
        if self.reason:
            return f"No model is called {self.name!r}: {self.reason}.{near}"
        return (
            f"No model is called {self.name!r}.{near} A timm name, a torchvision name (or torchvision:NAME), "
            "or your own factory as package.module:factory would work."
        )


class InputShapeError(PruningError):
    """The shape of a model's input cannot be used."""


class UntrustedFactoryError(PruningError):
    """A data file names a factory that the user did not name: nothing of it was imported or called."""

    def __init__(self, name: str, where: str, option: str, command: str | None = None, what: str = "its model") -> None:
        super().__init__(name, where, option, command, what)
        self.name, self.where, self.option, self.command, self.what = name, where, option, command, what

    def answered_by(self, command: str) -> "UntrustedFactoryError":
        """The same error with the full command that would work."""
        return UntrustedFactoryError(self.name, self.where, self.option, command, self.what)

    def __str__(self) -> str:
        kind, what = (
            "factory",
            ("import that module and call that function, and a file can name any code on this machine"),
        )
        if self.name.startswith(("hf-hub:", "hf_hub:", "local-dir:")):
            kind, what = "place", "read its architecture there, and a file can name any place"
        return (
            f"{self.where} names {self.name!r} as {self.what}: opening it would {what}. Nothing was imported or "
            f"called. If you know the {kind} and trust it, name it yourself with {self.option}: "
            f"{self.command or self.given()}"
        )

    def given(self) -> str:
        """The option with its value, as it stands on a command line."""
        return f"{self.option} {shlex.quote(self.name)}"


class ModelCreationError(PruningError):
    """The name is known, but the model could not be created."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name, self.reason = name, reason

    def __str__(self) -> str:
        return f"The model {self.name!r} could not be created: {self.reason}"


class UnsupportedModelError(PruningError):
    """No rule follows what the model computes, or a check of its plan failed: it cannot be pruned exactly."""

    def __init__(self, layer: str, operation: str, reason: str = "no rule follows this operation") -> None:
        super().__init__(layer, operation, reason)
        self.layer, self.operation, self.reason = layer, operation, reason

    def __str__(self) -> str:
        return (
            f"This model cannot be pruned exactly: in layer {self.layer or '(top)'!r} the operation "
            f"{self.operation} stopped the plan ({self.reason}). Nothing was cut. "
            f"{advice_for(self.operation, self.reason)}"
        )


class UnusableModuleError(PruningError):
    """A module of a kind that cannot be pruned, whatever it computes."""

    def __init__(self, layer: str, what: str, advice: str) -> None:
        super().__init__(layer, what, advice)
        self.layer, self.what, self.advice = layer, what, advice

    def __str__(self) -> str:
        where = f"its layer {self.layer!r}" if self.layer else "it"
        return f"This model cannot be pruned: {where} is {self.what}. {self.advice}. Nothing was cut."


class OutputError(PruningError):
    """The model's output has no tensor of the requested name."""

    def __init__(self, name: str | None, found: Mapping[str, tuple[int, ...]]) -> None:
        super().__init__(name, dict(found))
        self.name, self.found = name, dict(found)

    def __str__(self) -> str:
        if not self.found:
            return "This model's output holds no tensor at all."
        if list(self.found) == [""]:
            return f"This model returns one tensor, which has no name: leave out --output {self.name}."
        return (
            f"This model's output has no tensor called {self.name!r}; it has {self.listed()}. "
            "Name the one that holds the logits with --output."
        )

    def listed(self) -> str:
        """The output's tensors by name, with their shapes."""
        return ", ".join(f"{path} {list(shape)}".strip() for path, shape in self.found.items())


class LogitsError(OutputError):
    """The tensor taken for the logits does not have one number for each image and class."""

    def __init__(self, name: str, found: Mapping[str, tuple[int, ...]], wanted: tuple[int, int]) -> None:
        super().__init__(name, found)
        self.args = (name, dict(found), wanted)
        self.wanted = wanted

    def __str__(self) -> str:
        images, classes = self.wanted
        shape = list(self.found[self.name or ""])
        text = (
            f"for {images} images and {classes} classes its logits should have the shape {[images, classes]}, but "
            f"{self.name or 'its output'} has {shape}."
        )
        if len(self.found) == 1:
            return text
        return f"{text} Its output has {self.listed()}: name the one that holds the logits with --output."


class AllocationError(PruningError):
    """Kept-unit counts or keep ratios do not fit the plan."""


class InfeasibleTargetError(PruningError):
    """The target is outside the MACs that pruning can reach."""

    def __init__(self, target: int, floor_macs: int, baseline_macs: int) -> None:
        super().__init__(target, floor_macs, baseline_macs)
        self.target, self.floor_macs, self.baseline_macs = target, floor_macs, baseline_macs

    def __str__(self) -> str:
        return (
            f"The target of {self.target:,} MACs cannot be reached: pruning this model reaches from "
            f"{self.floor_macs:,} up to, but not including, its own {self.baseline_macs:,} MACs. "
            "Ask for a target in that range."
        )


class UnknownCriterionError(PruningError):
    """No importance criterion has that name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(name, tuple(known))
        self.name, self.known = name, tuple(known)

    def __str__(self) -> str:
        return f"No importance criterion is called {self.name!r}; the known ones are {', '.join(self.known)}."


class CriterionError(PruningError):
    """A criterion cannot score this model with the given data."""


class PreprocessingError(PruningError):
    """Images cannot be prepared as asked."""


class CheckpointError(PruningError):
    """A checkpoint is damaged, incomplete, or inconsistent with its description."""


class NoStateDictError(CheckpointError):
    """A file does not hold a plain dict of tensors."""


class ExportError(PruningError):
    """A model cannot be exported to the requested format, or computes something else when read back."""
