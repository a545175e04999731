"""Isolation by bubblewrap: namespaces of the kernel, an almost empty file system, no network, no capabilities."""

import contextlib
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from sandbox.backends.base import (
    ENVIRONMENT,
    FIRST_USER,
    INSIDE,
    USERS,
    Availability,
    Backend,
    Start,
    interpreter,
    supervisor_arguments,
    unpredictable_user,
)
from sandbox.inside.system_calls import ARCHITECTURES
from sandbox.job import Job

ADVICE = "apt-get install bubblewrap (0.7 or newer), or the same of your system"
_NEEDED = ("--size", "--perms", "--as-pid-1", "--remount-ro")
_ROOT = "/opt/espalier"
_TEMPORARY, _WORK = "/tmp", "/tmp/work"  # noqa: S108 - the sandbox's own
_NAMESPACES = ("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try")
_READABLE = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime", "/sys/devices/system/cpu")
_GPU = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset", "/dev/nvidia-caps")


class Bwrap(Backend):
    """Bubblewrap, as root or as any user who may make user namespaces.

    As root the supervisor keeps three capabilities, by which program and referee become users of their own that nothing
    else on the machine is. Otherwise all three are one user, in a user namespace, and supervisor and referee hide.

    Args:
        privileged: whether to start as root; None does so if this process is root, and not only in a user namespace.
    """

    name = "bwrap"

    def __init__(self, privileged: bool | None = None) -> None:
        self._privileged = _is_root_of_all_users() if privileged is None else privileged

    def availability(self) -> Availability:
        """Look for the command and its options."""
        machine = os.uname().machine
        if sys.platform != "linux" or machine not in ARCHITECTURES:
            return Availability(False, f"bubblewrap here needs Linux on {' or '.join(ARCHITECTURES)}", "use docker")
        path = shutil.which("bwrap")
        if path is None:
            return Availability(False, "bubblewrap is not installed", ADVICE)
        version, missing = _looked_at(path)
        if missing:
            return Availability(False, f"{version} has no {', '.join(missing)}", ADVICE)
        return Availability(True, f"{version} at {path}")

    @contextlib.contextmanager
    def started(self, job: Job, environment: Mapping[str, str]) -> Iterator[Start]:
        """Put the command line together; bubblewrap itself leaves nothing behind."""
        privileged = self._privileged
        yield Start(
            command=command(job, privileged=privileged),
            environment=ENVIRONMENT,  # process 1 would show more
            work=_WORK,
            temporary=_TEMPORARY,
            disk=_TEMPORARY,
            user=unpredictable_user(FIRST_USER, USERS) if privileged else None,
            own_user=True,
            isolated=True,
        )


def command(job: Job, *, privileged: bool) -> list[str]:
    """The command line for a job.

    Args:
        job: what is to be run.
        privileged: whether root runs it. Others get a user namespace.
    """
    bwrap = shutil.which("bwrap") or "bwrap"
    user = [] if privileged else ["--unshare-user", "--uid", "1000", "--gid", "1000"]
    capabilities = ("CAP_SETUID", "CAP_SETGID", "CAP_KILL") if privileged else ()
    kept = [word for capability in capabilities for word in ("--cap-add", capability)]
    return [
        *(bwrap, *user, *_NAMESPACES, "--hostname", "sandbox"),
        *("--die-with-parent", "--new-session", "--as-pid-1", "--cap-drop", "ALL", *kept),
        *_system(),
        *("--proc", "/proc", "--dev", "/dev"),
        # A shared mapping of /dev/zero is memory that no process shows as its own.
        *("--dev-bind", "/dev/null", "/dev/zero"),
        *(_gpu() if job.gpu else ()),
        *("--remount-ro", "/dev"),
        *("--size", str(job.limits.memory_bytes), "--perms", "1777", "--tmpfs", "/dev/shm"),  # noqa: S108
        *("--size", str(job.limits.disk_bytes), "--perms", "1777", "--tmpfs", _TEMPORARY),
        *_bound(job),  # after the folders in which some of it may lie
        *("--remount-ro", "/", "--chdir", _TEMPORARY),
        *("--", str(interpreter()), *supervisor_arguments(_ROOT)),
    ]


def _is_root_of_all_users() -> bool:
    """Whether this process may become any user: root in a user namespace has only those that are mapped."""
    if os.geteuid() != 0:
        return False
    ranges = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
    return any(int(first) <= FIRST_USER and int(first) + int(count) >= FIRST_USER + USERS for first, _, count in ranges)


def _system() -> Iterator[str]:
    """The system's programs and libraries, and the least of its settings."""
    yield from ("--ro-bind", "/usr", "/usr")
    for path in map(Path, ("/bin", "/sbin", "/lib", "/lib32", "/lib64")):
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), str(path))
        elif path.exists():
            yield from ("--ro-bind", str(path), str(path))
    for name in _READABLE:
        yield from ("--ro-bind-try", name, name)


def _bound(job: Job) -> Iterator[str]:
    """The interpreter, what the job may read, and the sandbox's own code, each where it is, in open folders."""
    python = interpreter()
    wanted = (Path(sys.base_prefix), *(() if python.is_relative_to(sys.base_prefix) else (python,)))
    bound = [path for path in (*wanted, *job.libraries, *job.readable) if not path.is_relative_to("/usr")]
    made: set[Path] = set()
    for path in dict.fromkeys(bound):
        yield from _folders(path.parents, made)
        yield from ("--ro-bind", str(path), str(path))
    yield from ("--ro-bind", str(INSIDE), f"{_ROOT}/sandbox/inside")


def _folders(parents: Iterable[Path], made: set[Path]) -> Iterator[str]:
    """Folders that every user may pass: bubblewrap makes those on the way to a bind as closed as the originals."""
    for folder in sorted(set(parents) - made - {Path("/")}):
        made.add(folder)
        yield from ("--perms", "0755", "--dir", str(folder))


def _gpu() -> Iterator[str]:
    for path in (*map(Path, _GPU), *sorted(Path("/dev").glob("nvidia[0-9]*"))):
        if path.exists():
            yield from ("--dev-bind", str(path), str(path))


@functools.cache
def _looked_at(path: str) -> tuple[str, tuple[str, ...]]:
    """The version of a bubblewrap, and the options that it lacks."""
    version, options = (_said(path, option) for option in ("--version", "--help"))
    return version.strip() or path, tuple(option for option in _NEEDED if option not in options)


def _said(path: str, option: str) -> str:
    try:
        done = subprocess.run([path, option], capture_output=True, text=True, timeout=20, check=False, env={})  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr
