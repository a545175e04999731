"""Numbers and recipes as people read them; files always hold the exact ones."""

from collections.abc import Mapping
from typing import Any


def macs_text(macs: int) -> str:
    """Format MACs with four significant digits and the unit that fits: `2.06 GMACs`, `219.4 kMACs`."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if macs >= size:
            return f"{macs / size:.4g} {unit}MACs"
    return f"{macs} MACs"


def count_text(count: int) -> str:
    """Format a count with four significant digits: `11.18 M`, `45.2 k`."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.4g} {unit}"
    return str(count)


def share_text(share: float | None) -> str:
    """Format a share as `97.78 %`, and as a dash where it was not measured."""
    return "–" if share is None else f"{share:.2%}".replace("%", " %")


def holdout_text(share: float | None, on_trained: float | None) -> str:
    """Format a score of a training on the holdout, or on its images where they are trained on.

    Args:
        share: the holdout score; None where there is none.
        on_trained: the score where they are trained on; None elsewhere.
    """
    if on_trained is None:
        return f"holdout {share_text(share)}"
    return f"{share_text(on_trained)} of the holdout, which is trained on"


def points_text(change: float) -> str:
    """Format a change of a share in percentage points: `+2.1`, `−0.4`, `±0`."""
    return f"{100 * change:+.1f}".replace("-", "−") if abs(change) >= 0.0005 else "±0"


def ms_text(milliseconds: float | None) -> str:
    """Format a duration as `1.23 ms`, and as a dash where it was not measured."""
    return "–" if milliseconds is None else f"{milliseconds:.2f} ms"


def bytes_text(size: int | None) -> str:
    """Format a size with three significant digits: `11.2 MB`, `45.2 kB`; a dash where it is not known."""
    if size is None:
        return "–"
    for unit_size, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit_size:
            return f"{size / unit_size:.3g} {unit}"
    return f"{size} B"


def used_fields(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a recipe that were set: a switch that is off or a choice that was not made says nothing."""
    return {name: value for name, value in recipe.items() if value is not None and value is not False}
