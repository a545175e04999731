"""What a sandbox or a task gets wrong is no failure of the code: it is tried again, and then missing."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from ablations.resources.judging.feedback import feedback
from ablations.resources.judging.judge import ATTEMPTS, Judge
from ablations.resources.judging.judgement import Judgement
from ablations.resources.judging.outcomes import Outcome, Which
from ablations.resources.tasks.task import Task
from sandbox.backends.base import Start
from sandbox.backends.none import NoIsolation
from sandbox.job import Job
from sandbox.runner import Sandbox

TASK = Task(
    id="1",
    category="numbers",
    prompt="Write a function to double a number.",
    entry_point="double",
    visible=("assert double(2) == 4",),
    held_out=("assert double(3) == 6",),
    reference="def double(x): return 2 * x",
)
WRONG = "def double(x): return 0"


class Failing(NoIsolation):
    """A backend that cannot start, some times.

    Args:
        command: what it starts instead.
        times: how often it fails, before it works.
    """

    def __init__(self, command: tuple[str, ...], times: int) -> None:
        self.command, self.times, self.starts = command, times, 0

    @contextlib.contextmanager
    def started(self, job: Job, environment: Mapping[str, str]) -> Iterator[Start]:
        self.starts += 1
        with super().started(job, environment) as start:
            yield replace(start, command=self.command) if self.starts <= self.times else start


BROKEN = {"no such program": ("/nonexistent/sandbox",), "no verdict": ("/bin/true",), "a wrong word": ("/bin/cat",)}


@pytest.mark.parametrize("command", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("code", [TASK.reference, WRONG], ids=["right", "wrong"])
def test_a_sandbox_that_never_starts_says_nothing_of_the_code(code: str, command: tuple[str, ...]) -> None:
    backend = Failing(command, times=100)
    judge = Judge(Sandbox(backend))
    for which in Which:
        _is_missing(judge.judge(TASK, code, which))
    assert backend.starts == 2 * ATTEMPTS
    both = judge.judge_both(TASK, code)
    assert both.solved is None
    for judgement in both:
        _is_missing(judgement)
    assert backend.starts == 3 * ATTEMPTS


def _is_missing(judgement: Judgement) -> None:
    assert judgement.outcome is Outcome.INFRASTRUCTURE
    assert judgement.passed is None
    assert judgement.message
    assert judgement.attempts == ATTEMPTS
    assert feedback(judgement.model_copy(update={"which": Which.VISIBLE})) == ""


@pytest.mark.parametrize(("code", "passed"), [(TASK.reference, True), (WRONG, False)], ids=["right", "wrong"])
def test_a_sandbox_that_starts_at_last_decides(code: str, passed: bool) -> None:
    judge = Judge(Sandbox(Failing(("/bin/true",), times=ATTEMPTS - 1)))
    both = judge.judge_both(TASK, code)
    assert both.solved is passed
    assert [judgement.attempts for judgement in both] == [ATTEMPTS, ATTEMPTS]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"held_out": ("assert double(3) ==",)}, "no Python"),
        ({"held_out": ("assert double(object()) == 6",)}, "only data travels"),
        ({"setup": "import no_such_module"}, "no_such_module"),
    ],
    ids=["check", "argument", "setup"],
)
@pytest.mark.parametrize("code", [TASK.reference, WRONG], ids=["right", "wrong"])
def test_an_unsuitable_check_says_nothing_of_the_code(
    box: Sandbox, code: str, change: dict[str, object], says: str
) -> None:
    judged = Judge(box).judge(replace(TASK, **change), code, Which.HELD_OUT)  # type: ignore[arg-type]
    assert (judged.outcome, judged.passed) == (Outcome.INFRASTRUCTURE, None)
    assert says in judged.message
    assert judged.attempts == 1, "another run would end alike"


def test_a_visible_failure_is_known_whatever_happens_later(box: Sandbox) -> None:
    both = Judge(box).judge_both(replace(TASK, held_out=("assert double(object())",)), WRONG)
    assert (both.visible.outcome, both.held_out.outcome) == (Outcome.WRONG, Outcome.INFRASTRUCTURE)
    assert both.solved is False
