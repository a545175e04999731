"""Hostile programs: none gets out, each is called what it is, and nothing of it stays."""

import os
from collections import Counter

import pytest

from cli.plain import plain
from sandbox.runner import Sandbox
from tests.sandbox.hostile import FORGERY, PROCESSES, PROGRAMS, SHOWN, Hostile
from tests.sandbox.world import World


@pytest.mark.parametrize("hostile", PROGRAMS, ids=lambda hostile: hostile.name)
def test_no_program_gets_out(box: Sandbox, world: World, hostile: Hostile) -> None:
    result, did = world.run(box, hostile)
    assert did == [], result
    assert hostile.fits(result, one_user=os.geteuid() != 0), result
    assert result.sandboxed
    assert result.passed or result.detail


@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root has only this kind, and the test above runs in it")
@pytest.mark.parametrize("hostile", [*PROCESSES, *FORGERY], ids=lambda hostile: hostile.name)
def test_no_program_gets_out_as_the_supervisors_user(one_user_box: Sandbox, world: World, hostile: Hostile) -> None:
    result, did = world.run(one_user_box, hostile)
    assert did == [], result
    assert hostile.fits(result, one_user=True), result


def test_there_are_enough_and_each_has_a_name() -> None:
    assert len(PROGRAMS) >= 30
    assert max(Counter(hostile.name for hostile in PROGRAMS).values()) == 1
    assert not any(hostile.judged and hostile.outcome.value == "passed" for hostile in PROGRAMS)


@pytest.mark.parametrize("hostile", SHOWN, ids=lambda hostile: hostile.name)
def test_what_is_shown_makes_no_terminal_obey(box: Sandbox, world: World, hostile: Hostile) -> None:
    printed = world.run(box, hostile)[0].stdout
    assert any(ord(character) < 32 for character in printed.replace("\n", "")), "it arrives as it was printed"
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in plain(printed).replace("\n", ""))
