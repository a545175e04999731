"""How a process of the sandbox gives up what it may not have, before it runs a line that others wrote."""

import contextlib
import os
import resource
from collections.abc import Mapping
from typing import Any

from sandbox.inside import process_control, system_calls

_OPEN_FILES = 1024
_NICENESS = 5
_LIKELIEST_VICTIM = "1000"


def confine(user: int | None, limits: Mapping[str, Any], *, own_user: bool, isolated: bool) -> None:
    """Change the user, set the limits, and install the filter of system calls: irrevocable, also for children.

    Args:
        user: the user and group to become; None stays.
        limits: `cpu_s`, `address_bytes`, `disk_bytes` and `processes`.
        own_user: whether no process outside the sandbox counts for the user, so that their number can be limited.
        isolated: whether there is a sandbox. Without, the program keeps what this user can.

    Raises:
        OSError: the kernel refused a part of it.
    """
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    if isolated:
        process_control.drop_capabilities()
    process_control.show()
    process_control.die_with_parent()
    process_control.forbid_new_privileges()
    # Where memory runs out, the kernel is to end the program, not others.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write(_LIKELIEST_VICTIM)
    os.nice(_NICENESS)  # the supervisor must be able to end the program
    for kind, most in _kernel_limits(limits):
        _lower(kind, most)
    if own_user:
        # Of one user, the supervisor counts as well.
        _lower(resource.RLIMIT_NPROC, limits["processes"] + (user is None))
    system_calls.install()


def _kernel_limits(limits: Mapping[str, Any]) -> list[tuple[int, int]]:
    found = [
        # The supervisor counts all processes, and names the limit; the kernel's own counts each, and cannot be late.
        (resource.RLIMIT_CPU, int(limits["cpu_s"]) + 2),
        (resource.RLIMIT_FSIZE, limits["disk_bytes"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_MSGQUEUE, 0),
    ]
    if limits["address_bytes"] is not None:
        found.append((resource.RLIMIT_AS, limits["address_bytes"]))
    return found


def _lower(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    value = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (value, value))
