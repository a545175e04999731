"""Leaving modules out of a torch model, one at a time: by name, by prefix, and as identity or zero."""

import copy
from collections.abc import Sequence
from enum import StrEnum

import torch
from torch import nn

from ablations.code.source.errors import CodeStudyError

_SHOWN = 12


class Removal(StrEnum):
    """What stands in a module's place."""

    IDENTITY = "identity"  # hands on its first input
    ZERO = "zero"  # hands on zeros of the shape of its first input: a residual branch that adds nothing


class Zero(nn.Module):
    """Returns zeros of the shape of its first input."""

    def forward(self, x: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
        """Return zeros."""
        return torch.zeros_like(x)


def chosen(model: nn.Module, names: Sequence[str]) -> tuple[str, ...]:
    """Return the modules that names mean: `layer1.0.conv1` one module, `layer1.*` the direct children of `layer1`.

    Raises:
        CodeStudyError: A name means none; the message lists some that there are.
    """
    known = [name for name, _ in model.named_modules() if name]
    found: list[str] = []
    for name in names:
        if name.endswith("*"):
            front = name.removesuffix("*")
            meant = [each for each in known if each.startswith(front) and "." not in each.removeprefix(front)]
        else:
            meant = [name] if name in known else []
        if not meant:
            some = ", ".join(known[:_SHOWN]) + (f" … ({len(known)} in all)" if len(known) > _SHOWN else "")
            raise CodeStudyError(f"The model has no module {name!r}; it has: {some}.")
        found += [each for each in meant if each not in found]
    return tuple(found)


def without(model: nn.Module, name: str, removal: Removal) -> nn.Module:
    """Return a copy of a model in which one module is gone. All other weights are those of the model.

    Raises:
        CodeStudyError: There is no such module.
    """
    (name,) = chosen(model, [name])
    copied = copy.deepcopy(model)
    parent, _, attribute = name.rpartition(".")
    setattr(copied.get_submodule(parent), attribute, nn.Identity() if removal is Removal.IDENTITY else Zero())
    return copied


def check_removal(model: nn.Module, name: str, removal: Removal, example: torch.Tensor) -> None:
    """Run a model without a module on an example, so that one that does not fit is refused before any training.

    Raises:
        CodeStudyError: The module's output has another shape than its input, so that neither identity nor zero can
            stand for it.
    """
    try:
        with torch.no_grad():
            without(model, name, removal).eval()(example)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise CodeStudyError(
            f"The model does not run without {name!r} ({removal.value} in its place): {reason}. Only a module whose "
            "output has the shape of its input can be left out; choose the block around it, or another one."
        ) from None


def gone(model: nn.Module, ablated: nn.Module, name: str) -> bool:
    """Return whether a module is gone from a copy and everything else is there.

    Its parameters are missing, and all others have the same names and values.
    """
    before, after = dict(model.named_parameters()), dict(ablated.named_parameters())
    left = {key for key in before if not key.startswith(f"{name}.")}
    is_replaced = isinstance(ablated.get_submodule(name), nn.Identity | Zero)
    return is_replaced and set(after) == left and all(torch.equal(before[key], after[key]) for key in left)
