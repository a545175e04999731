"""Isolation by a Docker daemon: a container without network and capabilities, from an image that has Python."""

import contextlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from sandbox.backends.base import (
    ENVIRONMENT,
    INSIDE,
    Availability,
    Backend,
    Start,
    supervisor_arguments,
    unpredictable_user,
)
from sandbox.job import Job

IMAGE_VARIABLE, DEFAULT_IMAGE = "ESPALIER_SANDBOX_IMAGE", "python:3.11-slim"
_ROOT = "/opt/espalier"
_TEMPORARY, _WORK = "/tmp", "/tmp/work"  # noqa: S108 - the container's own
_PASSED_ON = ("PATH", "HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME")
_FIRST_USER, _USERS = 20_000, 40_000
"""Within the 65,536 users that a daemon with a user namespace of its own gives to a container."""
_OWN_PROCESSES, _OWN_BYTES = 4, 64 * 2**20
"""What the supervisor itself needs beside the program's limits."""


class Docker(Backend):
    """The daemon that the `docker` command talks to, as its own variables (DOCKER_HOST and others) say.

    Args:
        image: the image; None takes `$ESPALIER_SANDBOX_IMAGE`, else a slim Python. It is never pulled in silence.
    """

    name = "docker"

    def __init__(self, image: str | None = None) -> None:
        self._image = image or os.environ.get(IMAGE_VARIABLE) or DEFAULT_IMAGE

    def availability(self) -> Availability:
        """Ask the daemon for its version, then for the image."""
        if shutil.which("docker") is None:
            return Availability(False, "docker is not installed", "install Docker, or bubblewrap")
        daemon = _asked("info", "--format", "{{.ServerVersion}}")
        if daemon.returncode != 0 or not daemon.stdout.strip():
            return Availability(False, f"docker's daemon does not answer: {_last_line(daemon)}", "start it")
        image = _asked("image", "inspect", "--format", "{{.Id}}", self._image)
        if image.returncode != 0:
            return Availability(False, f"docker has no image {self._image}", f"docker pull {self._image}")
        return Availability(True, f"docker {daemon.stdout.strip()}, image {self._image}")

    @contextlib.contextmanager
    def started(self, job: Job, environment: Mapping[str, str]) -> Iterator[Start]:
        """Put the command line together, and remove the container where it is still there at the end."""
        name = f"espalier-{secrets.token_hex(8)}"
        try:
            yield Start(
                command=command(job, name, self._image),
                environment=_passed_on(environment),
                work=_WORK,
                temporary=_TEMPORARY,
                disk=_TEMPORARY,
                user=unpredictable_user(_FIRST_USER, _USERS),
                own_user=True,
                isolated=True,
            )
        finally:
            _asked("rm", "--force", name)


def command(job: Job, name: str, image: str) -> list[str]:
    """The command line for a job, in a container of that name."""
    limits = job.limits
    memory = str(limits.memory_bytes + limits.disk_bytes + _OWN_BYTES)
    mounts = ((INSIDE, f"{_ROOT}/sandbox/inside"), *((path, str(path)) for path in (*job.libraries, *job.readable)))
    return [
        *(shutil.which("docker") or "docker", "run", "--rm", "--interactive", "--pull", "never", "--name", name),
        *("--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--cap-add", "SETUID", "--cap-add", "SETGID", "--cap-add", "KILL", "--user", "0:0"),
        *("--pids-limit", str(limits.processes + _OWN_PROCESSES), "--memory", memory, "--memory-swap", memory),
        *("--shm-size", str(limits.memory_bytes), "--log-driver", "none", "--hostname", "sandbox"),
        *("--tmpfs", f"{_TEMPORARY}:rw,exec,nosuid,nodev,mode=1777,size={limits.disk_bytes}"),
        *(word for source, target in mounts for word in ("--mount", _mount(source, target))),
        *(word for variable in ENVIRONMENT.items() for word in ("--env", "=".join(variable))),
        *(("--gpus", "all") if job.gpu else ()),
        *("--workdir", _TEMPORARY, "--entrypoint", "python3", image, *supervisor_arguments(_ROOT)),
    ]


def _mount(source: Path, target: str) -> str:
    return f"type=bind,source={source},target={target},readonly"


def _passed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """What the docker command needs to find its daemon. None of it reaches the container."""
    return {name: value for name, value in environment.items() if name in _PASSED_ON or name.startswith("DOCKER_")}


def _asked(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["docker", *arguments]
    try:
        return subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=30, check=False, env=_passed_on(os.environ)
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr.strip().splitlines() or ["no reason given"])[-1]
