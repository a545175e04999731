"""The work: many at once, everything in the journal first, and nothing asked or judged twice."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ablations.floor.journal import Facts, Journal
from ablations.resources.arms.arm import arms_of
from ablations.resources.arms.outcomes import Problem, outcomes_of
from ablations.resources.tasks.task import Task
from ablations.resources.working.crew import Job, work
from ablations.resources.working.desk import Desk, StudyStoppedError
from ablations.resources.working.records import attempts_in
from llm_clients.kinds import CallOutcome
from tests.ablations.memory_journal import MemoryJournal
from tests.ablations.resources.samples import HELD_OUT, FakeJudge, FakeSolver, Killed, task

TASKS = [task(number) for number in range(8)]
ARMS = arms_of("small", 4, 3)
PROBLEMS = tuple(Problem(one.id, one.category) for one in TASKS)


class MortalJournal(MemoryJournal):
    """Dies before, or right after, its n-th entry is written; nothing is written after that."""

    def __init__(self, entries: Mapping[str, Facts], dies_at: int, *, written: bool) -> None:
        super().__init__(entries)
        self._left, self._written = dies_at, written

    def record(self, key: str, facts: Facts) -> None:
        with self._lock:
            self._left -= 1
            dead, last = self._left < 0, self._left == 0
        if dead or (last and not self._written):
            raise Killed
        super().record(key, facts)
        if last:
            raise Killed


def run(
    journal: Journal, solver: Any = None, judge: Any = None, *, calls: int = 2, judges: int = 2,
    tasks: Sequence[Task] = TASKS,
) -> tuple[FakeSolver, FakeJudge, list[Job]]:  # fmt: skip
    solver, judge, done = solver or FakeSolver(), judge or FakeJudge(), list[Job]()
    desk = Desk(solver, judge, journal, 0.7)
    work(desk, ARMS, tasks, calls=calls, judges=judges, check=lambda: None, done=done.append)
    return solver, judge, done


def plain(entries: Mapping[str, Facts]) -> dict[str, Facts]:
    return {key: {name: one for name, one in facts.items() if name != "taken_s"} for key, facts in entries.items()}


@pytest.fixture(scope="module")
def undisturbed() -> Mapping[str, Facts]:
    journal = MemoryJournal()
    run(journal)
    return journal.entries()


def test_every_task_comes_to_its_end_in_all_arms(undisturbed: Mapping[str, Facts]) -> None:
    found = outcomes_of(PROBLEMS, ARMS, attempts_in(undisturbed, PROBLEMS))
    assert all(found.known(arm) == tuple(range(len(TASKS))) for arm in ARMS)
    solved = {arm.name: sum(found.solved(arm, range(8))) for arm in ARMS}
    assert 0 < solved["small@1"] < solved["small@branching"], "the tree is of some use, and not needed by all"
    levels = {one.level for one in found.of(ARMS[2]) if one is not None}
    assert len(levels) > 2


@pytest.mark.parametrize(("calls", "judges"), [(1, 1), (1, 8), (16, 1), (16, 16)])
def test_how_many_work_at_once_changes_nothing(undisturbed: Mapping[str, Facts], calls: int, judges: int) -> None:
    journal = MemoryJournal()
    solver, judge, done = run(journal, calls=calls, judges=judges)
    assert plain(journal.entries()) == plain(undisturbed)
    assert len(done) == len(TASKS)
    assert len(judge.judged) == len(solver.prompts) == len(undisturbed) / 2


def test_killed_at_any_entry_and_run_again_no_call_is_repeated_and_nothing_judged_twice(
    undisturbed: Mapping[str, Facts],
) -> None:
    for dies_at in range(1, len(undisturbed) + 1, 7):
        for written in (False, True):
            mortal = MortalJournal({}, dies_at, written=written)
            with pytest.raises(Killed):
                run(mortal, calls=3, judges=3)
            kept = mortal.entries()
            assert len(kept) == dies_at - (not written), "a death writes nothing more"
            journal = MemoryJournal(kept)
            solver, judge, _ = run(journal)
            assert plain(journal.entries()) == plain(undisturbed)
            asked = sum(key.startswith("call/") for key in undisturbed) - sum(key.startswith("call/") for key in kept)
            missing = sum(key.startswith("judgement/") for key in undisturbed.keys() - kept.keys())
            assert (len(solver.prompts), len(judge.judged)) == (asked, missing), (dies_at, written)


def test_no_prompt_holds_a_held_out_test_and_branches_are_shown_visible_failures() -> None:
    solver, _, _ = run(MemoryJournal(), FakeSolver(right=0, lure=0))
    assert len(solver.prompts) == len(TASKS) * (4 + 14)
    assert not any(HELD_OUT in prompt for prompt in solver.prompts)
    shown = [prompt for prompt in solver.prompts if "Earlier attempts" in prompt]
    assert len(shown) == len(TASKS) * 14
    assert all("The test failed." in prompt and "bad " in prompt for prompt in shown)
    assert len(set(shown)) == len(shown), "no two branches are asked the same"
    assert Counter(solver.temperatures) == {0.7: 8 * 4, 0.8: 8 * 2, 0.9: 8 * 4, 1.0: 8 * 8}


@pytest.mark.parametrize(
    "ending", [CallOutcome.UNAUTHORISED, CallOutcome.UNREACHABLE, CallOutcome.OVER_BUDGET, CallOutcome.OUT_OF_QUOTA]
)
def test_a_model_that_cannot_be_asked_ends_the_study_and_the_next_start_goes_on(ending: CallOutcome) -> None:
    journal = MemoryJournal()
    with pytest.raises(StudyStoppedError, match=rf"'small' can be asked no further \({ending}\): planted") as raised:
        run(journal, FakeSolver(endings={"number 5": ending}), calls=1, judges=1)
    assert "the same command goes on" in str(raised.value)
    kept = journal.entries()
    assert len(kept) > 0
    assert not any(facts.get("outcome") == ending for facts in kept.values())
    solver, _, done = run(MemoryJournal(kept))
    assert len(done) == len(TASKS)
    assert not any("number 0" in prompt for prompt in solver.prompts), "the first task was done"


@pytest.mark.parametrize("ending", [CallOutcome.MALFORMED, CallOutcome.REJECTED])
def test_a_call_that_says_nothing_of_the_model_is_missing_and_judged_by_nobody(ending: CallOutcome) -> None:
    journal = MemoryJournal()
    _, judge, _ = run(journal, FakeSolver(endings={"number 5": ending}))
    assert not any(task_id == "5" for task_id, _ in judge.judged)
    found = outcomes_of(PROBLEMS, ARMS, attempts_in(journal.entries(), PROBLEMS))
    assert [found.known(arm) for arm in ARMS] == [(0, 1, 2, 3, 4, 6, 7)] * 3


@pytest.mark.parametrize("ending", [CallOutcome.TRUNCATED, CallOutcome.REFUSED])
def test_an_answer_that_is_cut_or_refused_is_the_models_own(ending: CallOutcome) -> None:
    journal = MemoryJournal()
    _, judge, _ = run(journal, FakeSolver(endings={"number 5": ending}))
    assert any(task_id == "5" for task_id, _ in judge.judged)


def test_a_sandbox_that_fails_is_no_failure_of_the_model() -> None:
    journal = MemoryJournal()
    run(journal, FakeSolver(right=0, lure=0), FakeJudge(broken="bad"))
    found = outcomes_of(PROBLEMS, ARMS, attempts_in(journal.entries(), PROBLEMS))
    assert [found.known(arm) for arm in ARMS] == [()] * 3


def test_an_interrupt_ends_the_work_between_two_steps() -> None:
    journal, looks = MemoryJournal(), iter(range(100))

    def check() -> None:
        if next(looks) == 5:
            raise KeyboardInterrupt

    solver, done = FakeSolver(), list[Job]()
    with pytest.raises(KeyboardInterrupt):
        work(Desk(solver, FakeJudge(), journal, 0.7), ARMS, TASKS, calls=2, judges=2, check=check, done=done.append)
    calls = sum(key.startswith("call/") for key in journal.entries())
    assert calls == len(solver.prompts), "each call that was made is written down"
    assert len(done) < len(TASKS)
