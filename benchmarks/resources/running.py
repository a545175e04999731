"""Runs `ablate resources` as a user does, in a process of its own, and reads what its ledger holds."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx2

from tracking.events import payloads_of
from tracking.reader import read_whole_lines
from tracking.study_payloads import Prepared

ROOT = Path(__file__).resolve().parents[2]
TIMED = ("model_s", "cpu_s", "cpu_energy_j", "gpu_energy_j", "peak_memory_bytes", "peak_gpu_memory_bytes")
"""Columns that depend on the machine and the moment."""


def command(output: Path, arguments: Sequence[str]) -> list[str]:
    """Return the command line of a study."""
    return [sys.executable, str(ROOT / "launch.py"), "ablate", "resources", "--output", str(output), *arguments]


def started(output: Path, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a study; its output goes to a file beside its folder."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with output.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(command(output, arguments), stdout=log, stderr=log, env=environment, cwd=output.parent)


def finished(output: Path, arguments: Sequence[str]) -> None:
    """Run a study to its end.

    Raises:
        RuntimeError: It did not come to it; its output is in the message.
    """
    code = started(output, arguments).wait()
    if code:
        raise RuntimeError(f"exit code {code}:\n{output.with_suffix('.log').read_text(errors='replace')[-4000:]}")


@contextmanager
def served(tasks: Path, skill: float) -> Iterator[str]:
    """Serve a scripted model in a process of its own, and yield its address."""
    line = [sys.executable, "-m", "benchmarks.resources.server", str(tasks), str(skill)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=ROOT) as process:
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip()
        process.communicate()


def requests_of(url: str) -> int:
    """Return how many requests a served model has had."""
    return int(httpx2.get(f"{url}/scripted/totals").json()["requests"])


def children_cpu_s() -> float:
    """Return processor seconds of all processes that this one has waited for, with theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def entries(output: Path) -> list[Prepared]:
    """Return all entries of a study's journal, in their order; a key that is there twice is there twice."""
    return list(payloads_of(read_whole_lines(output / "ledger.jsonl"), Prepared))


def of_kind(found: Sequence[Prepared], kind: str) -> list[Prepared]:
    """Return the entries of calls, or of judgements."""
    return [entry for entry in found if entry.key.startswith(f"{kind}/")]


def work_s(output: Path) -> float:
    """Return the seconds from the first entry of the journal to the last."""
    times = [e.time for e in read_whole_lines(output / "ledger.jsonl") if isinstance(e.payload, Prepared)]
    return (times[-1] - times[0]).total_seconds()


def judge_ms(found: Sequence[Prepared]) -> float:
    """Return the median milliseconds of a judgement, with the start of its sandbox."""
    return round(median(float(entry.facts["taken_s"]) for entry in of_kind(found, "judgement")) * 1000, 1)


def tables(output: Path) -> list[Mapping[str, Any]]:
    """Return a study's tables, without what depends on the machine and the moment."""
    found = json.loads((output / "tables.json").read_text())["tables"]
    timed = {*TIMED, *(f"{name} per task" for name in TIMED)}
    return [
        {**table, "rows": [{key: value for key, value in row.items() if key not in timed} for row in table["rows"]]}
        for table in found
        if table["key"] not in ("efficiency", "estimates", "usage")
    ]
