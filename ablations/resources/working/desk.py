"""One attempt at one task: a call and its judgement, each in the journal before anything follows from it."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from ablations.floor.errors import AblationError
from ablations.floor.journal import Facts, Journal
from ablations.resources.arms.attempt import Attempt
from ablations.resources.arms.places import Place
from ablations.resources.branching.ladder import temperature_of
from ablations.resources.branching.prompts import Tried, branch_prompt, first_prompt
from ablations.resources.branching.strategies import strategy_of
from ablations.resources.branching.telling import told
from ablations.resources.judging.judgement import Judgements
from ablations.resources.models.asked import Asked
from ablations.resources.tasks.task import Task
from ablations.resources.working.records import (
    attempt_of,
    call_facts,
    call_key,
    judgement_facts,
    judgement_key,
    says_something,
)
from llm_clients.kinds import CallOutcome

FOR_NOW = frozenset({CallOutcome.MALFORMED, CallOutcome.INVALID, CallOutcome.REJECTED})
"""How a call may end that says nothing about the model, and nothing about the next call: the attempt is missing."""


class Solver(Protocol):
    """A model that is asked."""

    @property
    def name(self) -> str:
        """The name that the user gave to it."""

    def ask(self, prompt: str, temperature: float) -> Asked:
        """Ask; called in several threads."""


class Verdict(Protocol):
    """What the judge says of an answer."""

    @property
    def judgements(self) -> Judgements:
        """At the visible and at the held-out checks."""

    @property
    def solution(self) -> str:
        """The code that was judged; empty if the answer has none."""

    @property
    def feedback(self) -> str:
        """What the model may be told: nothing of the held-out checks."""


Judge = Callable[[Task, str], Verdict]
"""Judges the answer to a task; called in several threads."""


class StudyStoppedError(AblationError):
    """No call can be made for now, or none at all."""

    def __init__(self, model: str, outcome: str, detail: str) -> None:
        super().__init__(model, outcome, detail)
        self.model, self.outcome, self.detail = model, outcome, detail

    def __str__(self) -> str:
        return (
            f"The model {self.model!r} can be asked no further ({self.outcome}): {self.detail.rstrip('.')}. All "
            "answers and judgements so far are kept. Once the cause is removed, the same command goes on, and repeats "
            "none of them."
        )


class Desk:
    """Attempts of one model. Every method may be called in several threads, each attempt by one of them."""

    def __init__(self, solver: Solver, judge: Judge, journal: Journal, temperature: float) -> None:
        """Take up what the journal holds.

        Args:
            solver: The model.
            judge: Judges its answers.
            journal: Of the study.
            temperature: Of the samples; the ladder begins there.
        """
        self._solver, self._judge, self._journal, self._temperature = solver, judge, journal, temperature
        self._stopped: StudyStoppedError | None = None

    def known(self, task: Task, place: Place) -> Attempt | None:
        """Return an attempt that the journal holds; None if it is still to be made, or to be judged."""
        call = self._journal.recall(call_key(self._solver.name, task.id, place))
        if call is None:
            return None
        judgement = self._journal.recall(judgement_key(self._solver.name, task.id, place))
        return attempt_of(call, judgement) if judgement is not None or not says_something(call) else None

    def ask(self, task: Task, place: Place) -> Facts:
        """Make the call of an attempt, unless one was made that is not judged yet; its ancestors are judged.

        Raises:
            StudyStoppedError: The model cannot be asked, this time and the next.
        """
        key = call_key(self._solver.name, task.id, place)
        call = self._journal.recall(key)
        if call is not None:
            return call
        if self._stopped is not None:  # whoever is heard first says the same
            raise StudyStoppedError(*self._stopped.args)
        prompt, strategy = self._prompt(task, place)
        temperature = temperature_of(place, self._temperature)
        asked = self._solver.ask(prompt, temperature)
        facts = call_facts(asked, prompt=prompt, temperature=temperature, strategy=strategy)
        if not says_something(facts) and asked.outcome not in FOR_NOW:
            self._stopped = StudyStoppedError(self._solver.name, asked.outcome.value, asked.detail)
            raise self._stopped
        self._journal.record(key, facts)
        return facts

    def judge(self, task: Task, place: Place, call: Facts) -> Attempt:
        """Judge the answer of a call; an attempt that is `known` is not judged again."""
        if not says_something(call):
            return attempt_of(call, None)
        began = time.monotonic()
        verdict = self._judge(task, call["text"])
        taken_s = time.monotonic() - began
        facts = judgement_facts(verdict.judgements, verdict.solution, verdict.feedback, taken_s)
        self._journal.record(judgement_key(self._solver.name, task.id, place), facts)
        return attempt_of(call, facts)

    def _prompt(self, task: Task, place: Place) -> tuple[str, str]:
        """Return the prompt of an attempt, and the name of its strategy."""
        if not place.ancestors:
            return first_prompt(told(task)), "first"
        strategy = strategy_of(place)
        return branch_prompt(told(task), self._tried(task, place.ancestors), strategy), strategy.name

    def _tried(self, task: Task, places: Sequence[Place]) -> list[Tried]:
        judged = [self._journal.recall(judgement_key(self._solver.name, task.id, place)) for place in places]
        return [Tried(one["solution"], one["feedback"]) for one in judged if one is not None]
