"""Must show 1: references of the shipped tasks pass, and known-bad solutions do not; all of them in the sandbox."""

from collections import Counter

import pytest

from ablations.resources.judging.judge import Judge
from ablations.resources.judging.outcomes import Outcome
from ablations.resources.tasks.shipped import known_bad, shipped_tasks
from ablations.resources.tasks.task import Task
from sandbox.runner import Sandbox
from tests.ablations.resources.judging.many import judge_many

TASKS = {task.id: task for task in shipped_tasks()}


@pytest.fixture(scope="module")
def judge(box: Sandbox) -> Judge:
    return Judge(box)


def test_there_are_thirty_tasks_in_five_categories_with_three_bad_solutions_each() -> None:
    assert Counter(task.category for task in TASKS.values()) == dict.fromkeys(
        ("strings", "numbers", "lists", "dicts", "recursion"), 6
    )
    bad = Counter(one.task_id for one in known_bad())
    assert bad.keys() == TASKS.keys()
    assert min(bad.values()) >= 3
    assert len({(one.task_id, one.code) for one in known_bad()}) == len(known_bad())


def test_every_reference_passes_visible_and_held_out_checks(judge: Judge) -> None:
    judged = judge_many(judge, {task.id: (task, task.reference) for task in TASKS.values()})
    assert judged.keys() == TASKS.keys()
    assert {key: found for key, found in judged.items() if found.solved is not True} == {}


@pytest.mark.slow
def test_every_known_bad_solution_fails_a_held_out_check(judge: Judge) -> None:
    judged = judge_many(judge, {(one.task_id, one.fault): (TASKS[one.task_id], one.code) for one in known_bad()})
    assert len(judged) == len(known_bad())
    assert {key: found for key, found in judged.items() if found.held_out.passed is not False} == {}
    assert {found.held_out.outcome for found in judged.values()} <= {Outcome.WRONG, Outcome.ERROR}
    assert all(found.held_out.failed_check in _task(key).held_out for key, found in judged.items())
    # What the held-out checks are for: most of these pass the one that their author was shown.
    assert sum(found.visible.passed is True for found in judged.values()) > len(judged) / 2


def _task(key: tuple[str, str]) -> Task:
    return TASKS[key[0]]
