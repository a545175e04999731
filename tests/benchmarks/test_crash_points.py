"""A sample of the stories and schedules of `python -m benchmarks.crash_points`, drawn by a seed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.crash_points.disk import Disk
from benchmarks.crash_points.schedules import LedgerMachine, SearchMachine, run_schedules
from benchmarks.crash_points.stories import KINDS

pytestmark = pytest.mark.slow

SEED = 20261127
STORIES = 150
SCHEDULES = 300


def test_a_sample_of_all_stories_ends_as_if_nothing_had_happened() -> None:
    """In a process of its own: it is forked again and again, and has to be free of threads."""
    done = subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-m", "benchmarks.crash_points"),
            *("--sample", str(STORIES), "--seed", str(SEED), "--workers", "2", "--schedules", "0"),
        ],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.stdout, done.stderr[-4000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert {name: result[name] for name in KINDS} == dict.fromkeys(KINDS, 0), done.stdout[-4000:]
    assert result["stories"] == STORIES
    assert result["points"] > 150


def test_schedules_change_nothing() -> None:
    before = SearchMachine.begun, LedgerMachine.begun
    assert run_schedules(SCHEDULES) >= SCHEDULES
    assert SearchMachine.begun - before[0] >= SCHEDULES // 2
    assert LedgerMachine.begun - before[1] >= SCHEDULES // 2


def test_a_power_cut_keeps_what_was_fsynced_and_nothing_else(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "old").mkdir(parents=True)
    (root / "old" / "kept").write_text("before")
    disk = Disk(root)
    (root / "old" / "kept").write_text("after, and not fsynced")
    for name in ("named", "unnamed"):
        (root / name).write_text(name)
        disk.created(root / name)
    disk.synced(root / "unnamed")
    (root / "folder").mkdir()
    disk.synced(root)
    (root / "unnamed").rename(root / "renamed")
    disk.cut_power()
    assert (root / "old" / "kept").read_text() == "before"
    assert (root / "named").read_text() == "", "its name was fsynced, and its content was not"
    assert (root / "unnamed").read_text() == "unnamed", "the new name was not fsynced"
    assert sorted(path.name for path in root.iterdir()) == ["folder", "named", "old", "unnamed"]
