"""One sandbox: runs a job as a backend isolates it, and returns how it ended."""

import compileall
import functools
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import replace

from sandbox.backends.base import ENVIRONMENT, INSIDE, Backend, Start
from sandbox.cgroup import own_group
from sandbox.exchange import Answer, exchange
from sandbox.job import Job
from sandbox.result import LimitName, Outcome, Result, read_verdict

_SPARE_S = 60.0
"""Seconds beyond the wall limit, for the start on a busy machine. The supervisor itself ends a run at its limit."""
_SPARE_BYTES = 16 * 2**20
_LONGEST_REASON = 500


class Sandbox:
    """Runs jobs. It keeps no state: any number of threads may run jobs at once.

    Args:
        backend: how programs are isolated.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @property
    def name(self) -> str:
        """The backend's name."""
        return self._backend.name

    @property
    def sandboxed(self) -> bool:
        """Whether programs are isolated."""
        return self._backend.sandboxed

    def run(self, job: Job, environment: Mapping[str, str] = os.environ) -> Result:
        """Run a job to its end. Whatever the program does is a result; so is a sandbox that cannot be started.

        Args:
            job: what to run.
            environment: of this process, for the backend. The program sees none of it.
        """
        _compile_inside()
        nonce = secrets.token_hex(16)
        with self._backend.started(job, environment) as start, own_group(job.limits) as group:
            message = json.dumps(_message(job, start, nonce)).encode("ascii")
            most = 2 * (job.limits.output_bytes + job.collect_bytes) + _SPARE_BYTES
            try:
                answer = exchange(
                    group.entering(start.command) if group else start.command,
                    start.environment,
                    message,
                    most_s=job.limits.wall_s + _SPARE_S,
                    most_bytes=most,
                )
            except OSError as error:
                return self._infrastructure(f"{start.command[0]} cannot be started: {error.strerror or error}")
            result = self._read(answer, nonce)
            if group and group.ran_out_of_memory() and not result.passed:
                return _out_of_memory(result)
        return result

    def _read(self, answer: Answer, nonce: str) -> Result:
        if answer.given_up:
            return self._infrastructure(f"the sandbox was given up: {answer.given_up}")
        try:
            return read_verdict(answer.output, nonce, backend=self.name, sandboxed=self.sandboxed)
        except ValueError as error:
            reason = answer.errors.decode(errors="replace").strip()[-_LONGEST_REASON:] or str(error)
            return self._infrastructure(f"the sandbox gave no verdict (exit code {answer.code}): {reason}")

    def _infrastructure(self, detail: str) -> Result:
        return Result(
            outcome=Outcome.INFRASTRUCTURE, detail=detail, files={}, backend=self.name, sandboxed=self.sandboxed
        )


@functools.cache
def _compile_inside() -> None:
    """Compile what runs inside, once. No run could, because the folder is read-only there, and it takes half a start.

    Where the folder cannot be written, each run compiles for itself.
    """
    compileall.compile_dir(INSIDE, quiet=2)


def _message(job: Job, start: Start, nonce: str) -> dict[str, object]:
    """What the supervisor reads. Only `program` goes on to the program."""
    return {
        "nonce": nonce,
        "disk": start.disk,
        "exit_ends": job.exit_ends,
        "checks": job.checks or (),
        "setup": job.setup,
        "names": job.names,
        "collect": job.collect,
        "collect_bytes": job.collect_bytes,
        "program": {
            "work": start.work,
            "user": start.user,
            "own_user": start.own_user,
            "isolated": start.isolated,
            "limits": job.limits.as_message(address_space=not job.gpu),
            "files": job.packed_files(),
            "script": job.script,
            "arguments": job.arguments,
            "libraries": [str(path) for path in job.libraries],
            "environment": _environment(start) | dict(job.environment),
            "serve": job.checks is not None,
        },
    }


def _environment(start: Start) -> dict[str, str]:
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": start.work,
        "TMPDIR": start.temporary,
        "USER": "sandbox",
        "LANG": "C.UTF-8",
        **ENVIRONMENT,
        "OMP_NUM_THREADS": "1",
    }


def _out_of_memory(result: Result) -> Result:
    detail = "ended by the kernel at the limit of memory"
    return replace(result, outcome=Outcome.OUT_OF_MEMORY, limit=LimitName.MEMORY, detail=detail)
