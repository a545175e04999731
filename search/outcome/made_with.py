"""What a run was made with, for people: its sessions' software and hardware, and the recipe that was really used."""

from collections.abc import Mapping, Sequence
from typing import Any

from tracking.events import Event
from tracking.payloads import Resumed, RunStarted
from tracking.provenance import Provenance


def sessions_of(events: Sequence[Event]) -> tuple[Provenance, ...]:
    """Return what the sessions of a run ran with, each kind once; none for ledgers from before it was recorded."""
    sessions = (event.payload for event in events if isinstance(event.payload, RunStarted | Resumed))
    found: list[Provenance] = []
    for session in sessions:
        if session.provenance is not None and session.provenance not in found:
            found.append(session.provenance)
    return tuple(found)


def provenance_lines(of: Provenance) -> list[str]:
    """Return software and hardware in lines: Espalier and its commit, packages, the system, the machine."""
    commit = f", commit {of.commit}" if of.commit else ""
    gpus = "; ".join(f"{count} × {name}" if count > 1 else name for name, count in _counted(of.gpus)) or "no GPU"
    return [
        f"Espalier {of.espalier}{commit}",
        f"Python {of.python}, " + ", ".join(f"{name} {version}" for name, version in of.packages.items()),
        of.platform,
        f"{of.processor}, {of.cores} cores, {of.memory_gib:g} GiB, {gpus}; {of.threads} thread"
        + "s" * (of.threads != 1)
        + " of torch per process",
    ]


def used_fields(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a recipe that were set: a switch that is off or a choice that was not made says nothing."""
    return {name: value for name, value in recipe.items() if value is not None and value is not False}


def _counted(names: Sequence[str]) -> list[tuple[str, int]]:
    return [(name, names.count(name)) for name in dict.fromkeys(names)]
