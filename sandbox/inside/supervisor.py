"""The first process of a sandbox: it starts the referee, enforces the limits, and alone gives the verdict.

It writes the verdict to its standard output, which the parent outside holds. It never runs a line that others wrote.
"""

import base64
import contextlib
import json
import os
import select
import signal
from typing import Any

from sandbox.inside.capture import Capture
from sandbox.inside.collecting import collected
from sandbox.inside.messages import Line, LineError, first_message
from sandbox.inside.outcomes import LimitName, Outcome
from sandbox.inside.verdicts import Seen, Verdict, verdict_of
from sandbox.inside.watch import Watch, descendants

_LOOK_EVERY_MS = (2, 25)
"""Milliseconds between two looks at the processes: at the beginning, and at most."""
_LONGEST_REPORT = 4 * 2**20
_STDIN, _STDOUT = 0, 1


class Supervisor:
    """Follows one run to its end.

    Args:
        job: what the parent sent.
        program: process id of the program, which waits for its part of the job.
        line: to the program.
        capture: of what it prints.
    """

    def __init__(self, job: dict[str, Any], program: int, line: Line, capture: Capture) -> None:
        self._job, self._program, self._line, self._capture = job, program, line, capture
        self._statuses: dict[int, int] = {}
        self._referee: int | None = None
        self._report_fd = line.read_fd
        self._report = b""
        self._watch = Watch(job["program"]["limits"], job["disk"])

    def run(self) -> int:
        """Run the job and write the verdict. Returns the exit code, of the supervisor or of the referee it became."""
        refusal = self._start()
        if refusal is not None:
            self._end_all()
            return self._write(Verdict(Outcome.INFRASTRUCTURE, None, refusal))
        self._watch.start()
        if self._job["program"]["serve"]:
            code = self._start_referee()
            if code is not None:
                return code
        os.set_blocking(self._report_fd, False)
        passed = self._wait()
        ended = dict(self._statuses)
        self._end_all()
        self._capture.drain()
        return self._write(verdict_of(self._seen(passed, ended), self._job["program"]["limits"]))

    def _start(self) -> str | None:
        """Give the program its part of the job, and return why it cannot run, or None."""
        try:
            self._line.send(self._job["program"])
            answer = self._line.receive()
        except LineError as error:
            return f"the program's process ended before the program began: {error}"
        return None if answer["confined"] else f"the program's process could not be prepared: {answer['detail']}"

    def _start_referee(self) -> int | None:
        """Fork the referee, which gets this end of the line. Returns its exit code in its process, None in this one."""
        read_fd, write_fd = os.pipe()
        self._referee = os.fork()
        if self._referee == 0:
            for descriptor in (_STDIN, _STDOUT, read_fd, *self._capture.open):
                os.close(descriptor)
            from sandbox.inside.referee import become_referee  # which a script does not need, and takes time

            return become_referee(self._line, write_fd, self._job)
        os.close(write_fd)
        self._line.close()
        self._report_fd = read_fd
        return None

    def _wait(self) -> tuple[Outcome, LimitName] | None:
        """Wait until the program or the referee has ended, or a limit is passed, which is returned with its outcome."""
        pause, longest = _LOOK_EVERY_MS
        followed = {self._program} if self._referee is None else {self._program, self._referee}
        ends = [os.pidfd_open(pid) for pid in followed]
        while not followed & self._statuses.keys():
            poll = select.poll()
            for descriptor in (*self._capture.open, *ends):
                poll.register(descriptor, select.POLLIN)
            poll.poll(pause)
            pause = min(pause * 2, longest)
            self._capture.read()
            self._read_report()
            self._reap()
            if self._capture.overflowed:
                return Outcome.OUTPUT_TOO_LARGE, LimitName.OUTPUT
            if passed := self._watch.passed():
                return passed
        return None

    def _read_report(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while len(self._report) < _LONGEST_REPORT and (data := os.read(self._report_fd, 2**16)):
                self._report += data

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                self._statuses[pid] = status

    def _end_all(self) -> None:
        """Kill everything below this process, and wait for its end."""
        with contextlib.suppress(ChildProcessError):
            while True:
                self._kill_all()
                pid, status = os.waitpid(-1, 0)
                self._statuses[pid] = status
        self._read_report()

    def _kill_all(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            if os.getpid() == 1 and self._job["program"]["isolated"]:
                os.kill(-1, signal.SIGKILL)  # everyone in this PID namespace, which is the sandbox's own
                return
        for process in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)

    def _seen(self, passed: tuple[Outcome, LimitName] | None, ended: dict[int, int]) -> Seen:
        serves = self._referee is not None
        if self._capture.overflowed:
            passed = Outcome.OUTPUT_TOO_LARGE, LimitName.OUTPUT
        status = self._statuses.get(self._program)
        if status is not None and self._program not in ended and os.waitstatus_to_exitcode(status) == -signal.SIGKILL:
            status = None  # ended by us
        return Seen(
            passed=passed,
            status=status,
            referee_status=None if self._referee is None else ended.get(self._referee),
            said={} if serves else first_message(self._report) or {},
            findings=self._findings(),
            serves=serves,
            exit_ends=self._job["exit_ends"],
            disk_is_full=self._watch.disk_is_full(),
        )

    def _findings(self) -> list[dict[str, Any]]:
        """What the referee reported, line by line; the last may be cut where the referee was killed."""
        if self._referee is None:
            return []
        return [json.loads(line) for line in self._report.split(b"\n")[:-1]]

    def _write(self, verdict: Verdict) -> int:
        usage, setup = self._watch.usage, self._job["program"]
        message = {
            "nonce": self._job["nonce"],
            **verdict._asdict(),
            "checks": [found for found in self._findings() if "check" in found],
            "seconds": self._watch.seconds,
            "cpu_s": usage.cpu_s,
            "peak_memory_bytes": usage.peak_memory_bytes,
            "most_processes": usage.most_processes,
            "files": collected(setup["work"], self._job["collect"], self._job["collect_bytes"], setup["user"]),
            **{name: base64.b64encode(data).decode("ascii") for name, data in self._capture.kept().items()},
        }
        # Words of the program may hold half of a surrogate pair. Escaped, it would make the verdict one that no strict
        # reader takes, and the program's failure one of the sandbox.
        data = memoryview(json.dumps(message, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        while data:
            data = data[os.write(_STDOUT, data) :]
        return 0
