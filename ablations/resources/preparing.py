"""The work of the study before its figures: every call and every judgement that the arms want."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from ablations.floor.errors import StudyFolderError
from ablations.floor.journal import Facts, Journal
from ablations.floor.study import PrepareContext
from ablations.resources.arms.arm import Arm
from ablations.resources.branching.prompts import SYSTEM
from ablations.resources.connecting import connected
from ablations.resources.judging.extraction import code_in
from ablations.resources.judging.feedback import feedback
from ablations.resources.judging.judge import Judge
from ablations.resources.judging.judgement import Judgements
from ablations.resources.models.asked import Asked
from ablations.resources.models.model import ModelUnderTest
from ablations.resources.options import ResourcesOptions
from ablations.resources.tasks.task import Task, TaskSet
from ablations.resources.working.crew import Job, work
from ablations.resources.working.desk import Desk, Solver
from ablations.resources.working.desk import Judge as JudgeOfAnswers
from ablations.resources.working.records import TASKS, tasks_facts
from sandbox.registry import open_sandbox

Solvers = Callable[[ResourcesOptions, TaskSet, Mapping[str, Facts]], AbstractContextManager[Mapping[str, Solver]]]
"""Connects to the models of a study: its options, its tasks, and the entries of its journal."""
Judges = Callable[[ResourcesOptions], JudgeOfAnswers]
"""Makes the judge of a study."""

_LINES = 10
"""Lines of progress for each model."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the judge says of an answer; see `working.desk.Verdict`."""

    judgements: Judgements
    solution: str

    @property
    def feedback(self) -> str:
        """What the model may be told: of the visible checks alone."""
        return feedback(self.judgements.visible)


class FreeText:
    """A model that is asked for a solution in free text; see `working.desk.Solver`."""

    def __init__(self, model: ModelUnderTest, max_tokens: int) -> None:
        self._model, self._max_tokens = model, max_tokens

    @property
    def name(self) -> str:
        """The name that the user gave to it."""
        return self._model.name

    def ask(self, prompt: str, temperature: float) -> Asked:
        """Make a call."""
        return self._model.ask(prompt, system=SYSTEM, temperature=temperature, max_tokens=self._max_tokens)


@contextmanager
def models_in_free_text(
    options: ResourcesOptions, tasks: TaskSet, entries: Mapping[str, Facts]
) -> Iterator[Mapping[str, Solver]]:
    """Yield the models that the options name; see `connected`."""
    with connected(options, tasks, entries) as models:
        yield {name: FreeText(model, options.max_answer_tokens) for name, model in models.items()}


def judge_in_sandbox(options: ResourcesOptions) -> JudgeOfAnswers:
    """Return the judge that runs answers in the sandbox.

    Raises:
        SandboxError: It cannot be had.
    """
    judge = Judge(open_sandbox(options.sandbox, allow_none=options.sandbox == "none"))

    def judged(task: Task, answer: str) -> Judged:
        solution = code_in(answer, task.entry_point).code
        return Judged(judge.judge_both(task, solution), solution)

    return judged


def prepare(
    options: ResourcesOptions,
    tasks: TaskSet,
    journal: Journal,
    context: PrepareContext,
    *,
    solvers: Solvers | None = None,
    judges: Judges = judge_in_sandbox,
) -> None:
    """Make every call and judgement that the journal does not hold, model by model.

    One model comes to its end before the next begins, so that a server that holds one at a time loads each once.

    Args:
        options: Of the study.
        tasks: All of them.
        journal: Of the study.
        context: Of the floor.
        solvers: Connects to the models; None connects to those that the options name.
        judges: Makes the judge.

    Raises:
        StudyFolderError: The study was begun with other tasks.
        StudyStoppedError: A model cannot be asked.
    """
    _keep_tasks(journal, tasks)
    count = options.judges or os.cpu_count() or 1
    with (solvers or models_in_free_text)(options, tasks, journal.entries()) as models:
        judge = judges(options)
        for model in options.named:
            arms = [arm for arm in options.arms if arm.model == model.name]
            desk = Desk(models[model.name], judge, journal, options.temperature)
            progress = _Progress(model.name, arms, len(tasks), context.say)
            work(desk, arms, tasks, calls=options.calls_at_once, judges=count, check=context.check, done=progress.hear)


def _keep_tasks(journal: Journal, tasks: TaskSet) -> None:
    """Write down the tasks, or check that they are still the same: by content, whatever the file is called."""
    facts, known = tasks_facts(tasks), journal.recall(TASKS)
    if known is None:
        journal.record(TASKS, facts)
    elif known["sha256"] != facts["sha256"] or known["rows"] != facts["rows"]:
        raise StudyFolderError(
            f"This study was begun with the tasks of {known['source']!r} (sha256 {known['sha256'][:12]}…), and "
            f"{facts['source']!r} now holds others (sha256 {facts['sha256'][:12]}…): its answers could not be "
            "compared. Restore the file, or name another folder by --output."
        )


class _Progress:
    """Says a line every tenth of a model's tasks."""

    def __init__(self, model: str, arms: list[Arm], tasks: int, say: Callable[[str], None]) -> None:
        self._model, self._arms, self._tasks, self._say = model, arms, tasks, say
        self._done = self._solved = self._calls = 0

    def hear(self, job: Job) -> None:
        """Hear that a task has come to its end."""
        self._done += 1
        self._calls += len(job.seen)
        self._solved += any(attempt.solved for attempt in job.seen.values())
        if self._done * _LINES // self._tasks > (self._done - 1) * _LINES // self._tasks:
            self._say(
                f"{self._model}: {self._done} of {self._tasks} tasks, {self._calls} calls, "
                f"{self._solved} tasks solved by any of them"
            )
