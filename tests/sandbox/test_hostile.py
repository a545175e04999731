"""Hostile programs: none gets out, each is called what it is, and nothing of it stays."""

import os
from collections import Counter
from pathlib import Path

import pytest

from sandbox.result import Result
from sandbox.runner import Sandbox
from tests.sandbox.conftest import World, ends, strangers
from tests.sandbox.hostile import FORGERY, PROCESSES, PROGRAMS, Hostile


def run(box: Sandbox, hostile: Hostile, world: World) -> Result:
    """Run a program, and look outside for what it did."""
    before, mounts = strangers(), Path("/proc/self/mounts").read_text()
    scratch = set(Path("/tmp").glob("espalier-*"))  # noqa: S108 - where a run's files would lie
    job = hostile.job(port=world.port, folder=world.folder, pid=world.victim.pid, marker=world.marker)
    result = box.run(job, world.environment)
    assert "ESCAPED" not in result.stdout, result
    assert world.secret not in f"{result}"
    assert result.files == {}, "a link is no file to collect"
    assert result.sandboxed
    assert world.knocked() == []
    assert world.victim.poll() is None
    assert {path.name for path in world.folder.iterdir()} == {"secret", "door"}
    assert Path("/proc/self/mounts").read_text() == mounts
    assert set(Path("/tmp").glob("espalier-*")) <= scratch  # noqa: S108
    assert [pid for pid in strangers() if pid not in before and not ends(pid)] == []
    return result


@pytest.mark.parametrize("hostile", PROGRAMS, ids=lambda hostile: hostile.name)
def test_no_program_gets_out(box: Sandbox, world: World, hostile: Hostile) -> None:
    result = run(box, hostile, world)
    expected = hostile.outcome if os.geteuid() == 0 else hostile.as_one_user or hostile.outcome
    assert (result.outcome, result.limit) == (expected, hostile.limit), result
    assert result.passed or result.detail


@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root has only this kind, and the test above runs in it")
@pytest.mark.parametrize("hostile", [*PROCESSES, *FORGERY], ids=lambda hostile: hostile.name)
def test_no_program_gets_out_as_the_supervisors_user(one_user_box: Sandbox, world: World, hostile: Hostile) -> None:
    result = run(one_user_box, hostile, world)
    assert (result.outcome, result.limit) == (hostile.as_one_user or hostile.outcome, hostile.limit), result


def test_there_are_enough_and_each_has_a_name() -> None:
    assert len(PROGRAMS) >= 30
    assert max(Counter(hostile.name for hostile in PROGRAMS).values()) == 1
    assert not any(hostile.judged and hostile.outcome.value == "passed" for hostile in PROGRAMS)
