"""Espalier's own packages have plain names, and a user's project may have a `cli/` or `search/` too: whose is found."""

import os
import sys
from collections.abc import Iterable, MutableSequence
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]
"""The folder that holds our packages: a checkout, or the site-packages that the wheel was installed into."""
ROOMS = (
    *("ground", "pruning", "llm_clients", "tracking", "trainers", "search", "sandbox", "ablations", "cli"),
    *("espalier", "espalier_command", "launch"),
)
"""Every name that the wheel installs."""


def namesakes(path: Iterable[str]) -> list[str]:
    """Return the entries of a search path that hold a module with one of our names, without our own folder."""
    return [entry for entry in path if not _is_home(entry) and any(_holds(entry, room) for room in ROOMS)]


def come_first(path: MutableSequence[str]) -> None:
    """Put our folder ahead of the first namesake on a search path; a path without one stays as it is."""
    if found := namesakes(path):
        first = path.index(found[0])
        if not any(_is_home(entry) for entry in path[:first]):
            path.insert(first, str(HOME))


def taken(module: str) -> str | None:
    """Say why a module that a user names cannot be theirs: another of our name stands in their folder; else None."""
    top = module.partition(".")[0]
    if top not in ROOMS:
        return None
    folder = next((entry for entry in namesakes(sys.path) if _holds(entry, top)), None)
    if folder is None:
        return None
    return (
        f"{top!r} is a package of Espalier's own, and the one in {folder or os.curdir} cannot be imported beside it; "
        "give the module that is named here another name"
    )


def refuse_namesakes() -> None:
    """Refuse a program whose own modules would be imported as ours.

    Raises:
        ImportError: one stands ahead of ours.
    """
    ours = next((place for place, entry in enumerate(sys.path) if _is_home(entry)), None)
    # A folder without code loses to a package behind it, but not to an editable installation, which is on no path.
    holds = _holds if ours is None else _holds_code
    for entry in sys.path[:ours]:
        names = ", ".join(room for room in ROOMS if holds(entry, room) and not _is_home(entry))
        if not names:
            continue
        raise ImportError(
            f"the folder {entry or os.curdir} holds modules that are called as Espalier's own ({names}) and are found "
            "first: one process can have only one of each. Rename them, or start the program from another folder; the "
            "command `espalier` works beside them."
        )


def _is_home(entry: str) -> bool:
    return Path(entry).resolve() == HOME


def _holds(entry: str, room: str) -> bool:
    folder = os.path.join(entry, room)  # noqa: PTH118
    return os.path.isdir(folder) or os.path.isfile(f"{folder}.py")  # noqa: PTH112, PTH113


def _holds_code(entry: str, room: str) -> bool:
    return any(Path(entry, name).is_file() for name in (f"{room}.py", f"{room}/__init__.py"))
