"""Works on many tasks at once: so many calls and so many judgements at a time, and each task step by step."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ablations.resources.arms.arm import Arm, next_of_all
from ablations.resources.arms.attempt import Attempt
from ablations.resources.arms.places import Place
from ablations.resources.tasks.task import Task
from ablations.resources.working.desk import Desk

_LOOK_S = 0.2
"""Seconds after which an interrupt of the user is noticed at the latest."""


@dataclass(slots=True)
class Job:
    """A task that is worked on.

    Attributes:
        seen: Its attempts so far.
        open: The attempts that are under way.
    """

    task: Task
    seen: dict[Place, Attempt] = field(default_factory=dict)
    open: set[Place] = field(default_factory=set)


Done = Callable[[Job], None]


def work(
    desk: Desk, arms: Sequence[Arm], tasks: Iterable[Task], *, calls: int, judges: int, check: Callable[[], None],
    done: Done,
) -> None:  # fmt: skip
    """Bring every task to its end in all arms. What is decided follows from the attempts alone, not from who is first.

    Args:
        desk: Makes the attempts of one model.
        arms: Of that model.
        tasks: In the order in which they are begun.
        calls: The most calls at once; with 1, each is measured alone.
        judges: The most judgements at once.
        check: Raises to end the work; what is under way is brought to its end, and written down.
        done: Hears of each task that has come to its end, in this thread.
    """
    waiting = iter(tasks)
    with (
        ThreadPoolExecutor(calls, thread_name_prefix="call") as callers,
        ThreadPoolExecutor(judges, thread_name_prefix="judge") as judging,
    ):
        shift = _Shift(desk, arms, callers, judging, done)
        try:
            while True:
                check()
                while shift.active < calls + judges and (task := next(waiting, None)) is not None:
                    shift.begin(Job(task))
                if not shift.running:
                    return
                for future in wait(shift.running, _LOOK_S, FIRST_COMPLETED).done:
                    shift.hear(future)
        finally:
            for future in shift.running:
                future.cancel()


class _UnderWay(NamedTuple):
    job: Job
    place: Place
    judged: bool


class _Shift:
    """The tasks that are worked on now."""

    def __init__(
        self, desk: Desk, arms: Sequence[Arm], callers: ThreadPoolExecutor, judges: ThreadPoolExecutor, done: Done
    ) -> None:
        self._desk, self._arms, self._callers, self._judges, self._done = desk, arms, callers, judges, done
        self.running: dict[Future[Any], _UnderWay] = {}
        self.active = 0

    def begin(self, job: Job) -> None:
        """Begin a task."""
        self.active += 1
        self._go_on(job)

    def hear(self, future: Future[Any]) -> None:
        """Hear that a call or a judgement has come to its end."""
        job, place, judged = self.running.pop(future)
        if not judged:
            judgement = self._judges.submit(self._desk.judge, job.task, place, future.result())
            self.running[judgement] = _UnderWay(job, place, judged=True)
            return
        job.seen[place] = future.result()
        job.open.remove(place)
        if not job.open:
            self._go_on(job)

    def _go_on(self, job: Job) -> None:
        """Begin what the arms want next; without any, the task has come to its end."""
        places = next_of_all(self._arms, job.seen)
        while places:
            known = {place: self._desk.known(job.task, place) for place in places}
            job.seen.update({place: attempt for place, attempt in known.items() if attempt is not None})
            job.open.update(place for place, attempt in known.items() if attempt is None)
            if job.open:
                break
            places = next_of_all(self._arms, job.seen)
        for place in sorted(job.open):
            call = self._callers.submit(self._desk.ask, job.task, place)
            self.running[call] = _UnderWay(job, place, judged=False)
        if not job.open:
            self.active -= 1
            self._done(job)
