"""How a run ended, as the supervisor said it over the pipe that only the parent holds."""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError

from ground.problems import describe_problems
from sandbox.inside.outcomes import LimitName, Outcome

__all__ = ["CheckResult", "LimitName", "Outcome", "Result", "read_verdict"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How one check ended.

    Attributes:
        check: its place among the job's checks; -1 is loading the program, or the set-up.
        outcome: passed, failed, or what stopped it.
        detail: the reason on one line; empty if it passed.
        trace: of the program's exception; empty if there was none.
    """

    check: int
    outcome: Outcome
    detail: str
    trace: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a run ended. Texts are the program's own: show them through the console, which lets no terminal obey.

    Attributes:
        outcome: how.
        limit: which limit was the reason, if one was.
        detail: the reason on one line; empty if it passed.
        trace: of the exception that ended it; empty if none did.
        checks: of each check that was reached, in order.
        stdout: what the program printed, up to the limit.
        stderr: what it printed to standard error.
        files: content of the files to collect that are there.
        seconds: from the beginning of the program to its end.
        cpu_s: processor seconds of all processes.
        peak_memory_bytes: the most memory seen at once, looking every few milliseconds.
        most_processes: the most processes and threads seen at once.
        backend: which sandbox.
        sandboxed: whether it was isolated. If not, nothing of this can be believed of a hostile program.
    """

    outcome: Outcome
    limit: LimitName | None = None
    detail: str = ""
    trace: str = ""
    checks: tuple[CheckResult, ...] = ()
    stdout: str = ""
    stderr: str = ""
    files: Mapping[str, bytes]
    seconds: float = 0.0
    cpu_s: float = 0.0
    peak_memory_bytes: int = 0
    most_processes: int = 0
    backend: str
    sandboxed: bool

    @property
    def passed(self) -> bool:
        """Whether the program did what it was to do."""
        return self.outcome is Outcome.PASSED

    @property
    def counts(self) -> bool:
        """Whether this says something about the program: a fault of the sandbox or of a check does not."""
        return self.outcome is not Outcome.INFRASTRUCTURE


class _Check(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    check: int
    outcome: Outcome
    detail: str
    trace: str


class _Said(BaseModel):
    """The supervisor's message."""

    model_config = ConfigDict(extra="forbid", strict=True)

    nonce: str
    outcome: Outcome
    limit: LimitName | None
    detail: str
    trace: str
    checks: tuple[_Check, ...]
    seconds: float
    cpu_s: float
    peak_memory_bytes: int
    most_processes: int
    files: dict[str, str]
    stdout: str
    stderr: str


def read_verdict(data: bytes, nonce: str, *, backend: str, sandboxed: bool) -> Result:
    """Read the supervisor's message.

    Raises:
        ValueError: it is not a whole message of this run's supervisor.
    """
    try:
        said = _Said.model_validate_json(data)
    except ValidationError as error:
        raise ValueError(describe_problems(error, "the verdict", most=2)) from error
    if said.nonce != nonce:
        raise ValueError("the verdict is not of this run")
    return Result(
        outcome=said.outcome,
        limit=said.limit,
        detail=said.detail,
        trace=said.trace,
        checks=tuple(CheckResult(found.check, found.outcome, found.detail, found.trace) for found in said.checks),
        stdout=b64decode(said.stdout).decode(errors="replace"),
        stderr=b64decode(said.stderr).decode(errors="replace"),
        files={name: b64decode(body) for name, body in said.files.items()},
        seconds=said.seconds,
        cpu_s=said.cpu_s,
        peak_memory_bytes=said.peak_memory_bytes,
        most_processes=said.most_processes,
        backend=backend,
        sandboxed=sandboxed,
    )
