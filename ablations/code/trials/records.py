"""One run as a record, for the journal and for the files of a condition."""

from pydantic import BaseModel, ConfigDict

from ablations.code.running.facts import RunFacts
from ablations.code.running.sandbox_runner import SandboxedRun


class Said(BaseModel):
    """What the sandbox says of a run.

    Attributes:
        backend: Its name.
        sandboxed: Whether the run was isolated.
        outcome: How it ended.
        limit: Which limit was the reason, if one was.
        detail: The reason on one line; empty if it passed.
        seconds: Of the run.
        cpu_s: Of all its processes.
        peak_memory_bytes: The most memory seen at once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: str
    sandboxed: bool
    outcome: str
    limit: str | None = None
    detail: str = ""
    seconds: float = 0.0
    cpu_s: float = 0.0
    peak_memory_bytes: int = 0


class RunRecord(BaseModel):
    """One run.

    Attributes:
        facts: What the harness learned.
        sandbox: What the sandbox says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    facts: RunFacts
    sandbox: Said

    @property
    def trace(self) -> str:
        """The stack trace of what ended it, from the script or from the sandbox; empty if nothing did."""
        return self.facts.trace


def recorded(run: SandboxedRun) -> RunRecord:
    """Return a run as a record."""
    result = run.result
    said = Said(
        backend=result.backend,
        sandboxed=result.sandboxed,
        outcome=result.outcome.value,
        limit=None if result.limit is None else result.limit.value,
        detail=result.detail,
        seconds=result.seconds,
        cpu_s=result.cpu_s,
        peak_memory_bytes=result.peak_memory_bytes,
    )
    return RunRecord(facts=run.facts, sandbox=said)
