"""Runs scripts in a sandbox: for code that a model wrote."""

import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ablations.code.running.facts import Ended, RunFacts
from ablations.code.running.runner import FACTS, layout, read_facts
from ablations.code.source.documents import Documents
from ablations.code.source.errors import SandboxBrokeError
from sandbox.job import Job
from sandbox.limits import MIB, Limits
from sandbox.result import Result
from sandbox.runner import Sandbox

LIMITS = Limits(wall_s=900, cpu_s=1800, memory_bytes=4096 * MIB, disk_bytes=512 * MIB, output_bytes=8 * MIB)
"""What a script may use where nothing else is said."""


@dataclass(frozen=True, slots=True)
class SandboxedRun:
    """One run.

    Attributes:
        facts: What the harness learned. Only of a run that ended by itself: of any other they are `LOST`, with the
            outcome, or the limit, that ended it.
        result: What the sandbox says.
    """

    facts: RunFacts
    result: Result


class SandboxRunner:
    """Runs each script in a sandbox of its own. It keeps no state: any number of threads may use it at once.

    Args:
        box: The sandbox, which has passed its check.
        limits: What a run may use.
        readable: Further files and folders that scripts may read, such as their data; absolute paths.
        gpu: Whether scripts may use the machine's GPUs.
    """

    def __init__(
        self, box: Sandbox, *, limits: Limits = LIMITS, readable: Sequence[Path] = (), gpu: bool = False
    ) -> None:
        self._box = box
        self._limits = limits
        self._readable = tuple(readable)
        self._gpu = gpu

    def run(self, documents: Documents, script: str, arguments: Sequence[str]) -> RunFacts:
        """Run a script to its end.

        Raises:
            SandboxBrokeError: The sandbox broke, which says nothing about the script.
        """
        return self.attempt(documents, script, arguments).facts

    def attempt(self, documents: Documents, script: str, arguments: Sequence[str]) -> SandboxedRun:
        """Run a script to its end, and return with its facts what the sandbox says.

        Raises:
            SandboxBrokeError: The sandbox broke, which says nothing about the script.
        """
        result = self._box.run(self._job(documents, script, arguments))
        if not result.counts:
            raise SandboxBrokeError(f"The sandbox {result.backend} could not run {script}: {result.detail}.")
        return SandboxedRun(_facts(result), result)

    def _job(self, documents: Documents, script: str, arguments: Sequence[str]) -> Job:
        plan = layout(documents, script, arguments)
        harness, *rest = plan.arguments
        return Job(
            script=harness,
            files=plan.files,
            arguments=tuple(rest),
            collect=(FACTS,),
            environment={"CUDA_VISIBLE_DEVICES": ""} if not self._gpu else {},
            libraries=_libraries(),
            readable=self._readable,
            gpu=self._gpu,
            limits=self._limits,
        )


def _facts(result: Result) -> RunFacts:
    """The facts of a run that ended by itself; one that was ended later than its record is not believed either."""
    if not result.passed:
        limit = f", at its limit {result.limit.value}" if result.limit else ""
        detail = f": {result.detail}" if result.detail else ""
        return RunFacts(ended=Ended.LOST, detail=f"{result.outcome.value}{limit}{detail}", trace=result.trace)
    return read_facts(result.files.get(FACTS), "it left no record")


def _libraries() -> tuple[Path, ...]:
    """Where this interpreter's packages lie."""
    paths = (Path(sysconfig.get_path(name)) for name in ("purelib", "platlib"))
    return tuple(dict.fromkeys(path for path in paths if path.is_dir()))
