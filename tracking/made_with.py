"""What a run or a study was made with, for people: the software and hardware of its sessions."""

from collections.abc import Sequence

from ground.counting import counted
from tracking.events import Event
from tracking.payloads import Resumed, RunStarted
from tracking.provenance import Provenance
from tracking.study_payloads import StudyStarted


def sessions_of(events: Sequence[Event]) -> tuple[Provenance, ...]:
    """Return what the sessions of a run or a study ran with, each kind once; none for ledgers that do not tell it."""
    sessions = (event.payload for event in events if isinstance(event.payload, RunStarted | StudyStarted | Resumed))
    found: list[Provenance] = []
    for session in sessions:
        if session.provenance is not None and session.provenance not in found:
            found.append(session.provenance)
    return tuple(found)


def provenance_lines(of: Provenance) -> list[str]:
    """Return software and hardware in lines: Espalier and its commit, packages, the system, the machine."""
    commit = f", commit {of.commit}" if of.commit else ""
    gpus = "; ".join(f"{count} × {name}" if count > 1 else name for name, count in _counted(of.gpus)) or "no GPU"
    machine = f"{of.processor}, {of.cores} cores, {of.memory_gib:g} GiB, {gpus}"
    return [
        f"Espalier {of.espalier}{commit}",
        f"Python {of.python}, " + ", ".join(f"{name} {version}" for name, version in of.packages.items()),
        of.platform,
        f"{machine}; {counted(of.threads, 'thread')} of torch per process",
    ]


def made_with_text(sessions: Sequence[Provenance]) -> str:
    """Return all sessions as one text: their lines, and an empty line between two sessions."""
    return "\n\n".join("\n".join(provenance_lines(session)) for session in sessions)


def lines_of_text(text: str) -> tuple[tuple[str, ...], ...]:
    """Return the lines of each session in such a text."""
    return tuple(tuple(session.split("\n")) for session in text.split("\n\n") if session)


def _counted(names: Sequence[str]) -> list[tuple[str, int]]:
    return [(name, names.count(name)) for name in dict.fromkeys(names)]
