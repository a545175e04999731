"""Many tasks with a model that never succeeds, so that every task takes its whole tree; killed in the middle, too."""

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path

from ablations.resources.tasks.shipped import shipped_tasks
from benchmarks.resources.running import (
    children_cpu_s,
    entries,
    finished,
    judge_ms,
    of_kind,
    requests_of,
    served,
    started,
    tables,
    work_s,
)


def measure(folder: Path, tasks: int, depth: int, workers: int, kill_at: float | None) -> dict[str, object]:
    """Run a study of so many tasks; with `kill_at`, once more, killed after that share of its entries and run again.

    Args:
        folder: For files and studies.
        tasks: How many.
        depth: Of the tree.
        workers: Calls, and judgements, at once.
        kill_at: Share of the entries; None kills nothing.
    """
    file = folder / "tasks.jsonl"
    write_tasks(file, tasks)
    with served(file, 0.0) as small, served(file, 1.0) as large:
        arguments = [
            *("--tasks", str(file), "--split", "all", "--max-depth", str(depth), "--samples", "1"),
            *("--large", f"ollama:scripted-steady@{large}", "--small", f"ollama:scripted-steady@{small}"),
            *("--workers", str(workers), "--no-mlflow"),
            *("--cost-by", "tokens"),  # what is timed differs from one run to the next
        ]
        whole, began, before = folder / "whole", time.monotonic(), children_cpu_s()
        finished(whole, arguments)
        taken, cpu_s = time.monotonic() - began, children_cpu_s() - before
        found = entries(whole)
        asked = requests_of(small) + requests_of(large)
        report: dict[str, object] = {
            "tasks": tasks,
            "branches": 2 ** (depth + 1) - 1,
            "calls": len(of_kind(found, "call")),
            "requests": asked,
            "judgements": len(of_kind(found, "judgement")),
            "minutes": round(taken / 60, 2),
            "cpu_s": round(cpu_s, 1),  # of the study with its sandboxes, without the models' servers
            "working_minutes": round(work_s(whole) / 60, 2),
            "judge_ms": judge_ms(found),
        }
        if kill_at is not None:
            report["killed"] = _killed(folder / "killed", arguments, round(len(found) * kill_at), workers)
            report["killed_requests_beyond_calls"] = requests_of(small) + requests_of(large) - 2 * asked
            report["same_tables"] = tables(folder / "killed") == tables(whole)
    return report


def _killed(output: Path, arguments: list[str], lines: int, workers: int) -> dict[str, object]:
    """Kill a study by SIGKILL once its ledger has so many lines, run it again, and say what came of it."""
    process, ledger = started(output, arguments), output / "ledger.jsonl"
    while process.poll() is None and (not ledger.is_file() or ledger.read_bytes().count(b"\n") < lines):
        time.sleep(0.2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = Counter(entry.key for entry in entries(output))
    finished(output, arguments)
    after = Counter(entry.key for entry in entries(output))
    return {
        "entries_before": before.total(),
        "entries_after": after.total(),
        "twice": sum(count > 1 for count in after.values()),
        "in_flight_at_most": workers,
    }


def write_tasks(file: Path, count: int) -> None:
    """Write so many tasks in MBPP's format: the shipped ones again and again, each in words of its own."""
    shipped = shipped_tasks().tasks
    with file.open("w", encoding="utf-8") as out:
        for number in range(count):
            task = shipped[number % len(shipped)]
            line = {
                "task_id": number + 1,
                "text": f"{task.prompt} (Variant {number + 1}.)",
                "code": task.reference,
                "test_list": [*task.visible, *task.held_out],
                "test_setup_code": task.setup,
                "challenge_test_list": [],
            }
            out.write(json.dumps(line) + "\n")
