"""All backends by name, and the choice among them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from ground.names import did_you_mean, near_misses
from sandbox.backends.base import Availability, Backend
from sandbox.backends.bwrap import Bwrap
from sandbox.backends.docker import Docker
from sandbox.backends.none import NoIsolation
from sandbox.errors import SandboxError, SandboxUnavailableError
from sandbox.runner import Sandbox
from sandbox.selfcheck import checked

BACKENDS: Mapping[str, type[Backend]] = MappingProxyType({kind.name: kind for kind in (Bwrap, Docker, NoIsolation)})
AUTO = "auto"
NAMES = (AUTO, *BACKENDS)


def open_sandbox(name: str = AUTO, *, allow_none: bool = False) -> Sandbox:
    """A sandbox that passed its check in this process. `auto` takes the first that can be had, and never `none`.

    Args:
        name: one of `NAMES`.
        allow_none: whether the user said that programs may run without isolation.

    Raises:
        SandboxError: there is no such backend, or `none` was not allowed.
        SandboxUnavailableError: it cannot be had, or it keeps code in too badly.
    """
    if name == AUTO:
        return _first([Bwrap(), Docker()])
    if name not in BACKENDS:
        near = did_you_mean(near_misses(name, NAMES))
        raise SandboxError(f"no sandbox is called {name!r}: {near}there are {', '.join(NAMES)}")
    if name == NoIsolation.name and not allow_none:
        raise SandboxError(
            "without a sandbox, code that a model wrote can read, change and delete what you can; to run it all the "
            "same, in a machine that may be lost, say so explicitly. Otherwise: auto, bwrap or docker"
        )
    return _first([BACKENDS[name]()])


def surveyed() -> dict[str, Availability]:
    """What can be had of the backends that isolate, without running anything in them."""
    return {kind.name: kind().availability() for kind in (Bwrap, Docker)}


def _first(backends: Sequence[Backend]) -> Sandbox:
    reasons = []
    for backend in backends:
        about = backend.availability()
        if not about.usable:
            reasons.append(f"{backend.name}: {about.found} ({about.advice})")
            continue
        box = Sandbox(backend)
        if not backend.sandboxed:
            return box
        faults = checked(box)
        if not faults:
            return box
        reasons.append(f"{backend.name} is there, but its check failed: {'; '.join(faults)}")
    raise SandboxUnavailableError(f"no code of a model is run here. {'. '.join(reasons)}")
