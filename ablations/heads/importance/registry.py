"""The criteria by name; a new criterion is a new file and one line here. They are imported when they are used."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ablations.heads.importance.base import Importance

_HOMES: Mapping[str, tuple[str, str]] = {
    "entropy": ("entropy", "Entropy"),
    "magnitude": ("magnitude", "Magnitude"),
    "random": ("random_order", "Random"),
    "gradient": ("gradient", "Gradient"),
    "hies": ("hies", "Hies"),
    "greedy": ("greedy", "Greedy"),
}
IMPORTANCES = tuple(_HOMES)
"""The names of all criteria."""


def importance(name: str) -> "type[Importance]":
    """Return the criterion of this name, one of `IMPORTANCES`."""
    module, kind = _HOMES[name]
    found: type[Importance] = getattr(import_module(f"ablations.heads.importance.{module}"), kind)
    return found
