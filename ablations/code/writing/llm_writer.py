"""The writer that asks a language model; each request and each answer is in the journal before anything acts on it."""

import threading
from collections.abc import Sequence

from ablations.code.asking.prompts import Failure, patch_call
from ablations.code.asking.spending import (
    LOST,
    answer_key,
    asked_key,
    fault_key,
    faults_of,
    trips_asked,
    trips_heard,
)
from ablations.code.source.annotations import Component
from ablations.code.source.documents import Documents
from ablations.code.source.errors import CallError
from ablations.code.writing.attempts import unasked_key
from ablations.code.writing.writers import Proposal
from ablations.floor.journal import Journal
from llm_clients.client import LLMClient
from llm_clients.kinds import CallOutcome
from llm_clients.request import Completion, Usage

_COUNTS = frozenset({CallOutcome.ANSWERED, CallOutcome.INVALID, CallOutcome.TRUNCATED, CallOutcome.REFUSED})
"""Outcomes that are the model's own: they use up an attempt. Any other ends the study, which can go on later."""


class OverBudgetError(CallError):
    """The next call could cost more than is left of the limit, and was not made."""


class LlmWriter:
    """Asks a model for patches. Any number of threads may ask, each for one component.

    Args:
        documents: All of them.
        client: Of the model. It spends against a limit that knows what earlier sessions have spent.
        journal: Of the study.
        attempts: The most of one component.
        max_tokens: Of one answer.
    """

    def __init__(
        self, documents: Documents, client: LLMClient, journal: Journal, *, attempts: int, max_tokens: int
    ) -> None:
        self._documents, self._client, self._journal = documents, client, journal
        self._attempts, self._max_tokens = attempts, max_tokens
        self._now = threading.local()
        client.announce(self._announced)

    def propose(self, component: Component, number: int, failures: Sequence[Failure]) -> Proposal | None:
        """Return what the journal holds of this attempt, or else ask.

        Raises:
            OverBudgetError: The limit does not allow the call; it was not made.
            CallError: No model answered.
        """
        if number > self._attempts:
            return None
        key, prepared = answer_key(component.name, number), self._journal.entries()
        if key not in prepared:
            if trips_asked(prepared, component.name, number) > trips_heard(prepared, component.name, number):
                trips = trips_asked(prepared, component.name, number)
                self._journal.record(key, {"trips": trips, "outcome": LOST})
            else:
                self._ask(component, number, failures)
        facts = self._journal.entries()[key]
        return _lost(self._client.model) if "call" not in facts else _proposal(Completion.from_json(facts["call"]))

    def _ask(self, component: Component, number: int, failures: Sequence[Failure]) -> None:
        self._now.attempt = (component.name, number)
        request = patch_call(self._documents, component, failures=failures, max_tokens=self._max_tokens)
        completion = self._client.complete(request)
        prepared = self._journal.entries()
        facts = {"trips": trips_asked(prepared, component.name, number), "call": completion.to_json()}
        if completion.outcome is CallOutcome.OVER_BUDGET:
            self._refuse(component, number, completion)
        if completion.outcome not in _COUNTS:
            key = fault_key(component.name, number, faults_of(prepared, component.name, number) + 1)
            self._journal.record(key, facts)
            raise CallError(
                f"{self._client.model} was asked for the patch of {component.name} and gave no answer "
                f"({completion.outcome.value}): {completion.detail or 'no reason was given'} What was done until then "
                "is kept: the same command goes on."
            )
        self._journal.record(answer_key(component.name, number), facts)

    def _refuse(self, component: Component, number: int, completion: Completion) -> None:
        reason = f"the model was not asked: {completion.detail.removeprefix('not asked: ')}"
        if self._journal.recall(unasked_key(component.name, number)) is None:
            self._journal.record(unasked_key(component.name, number), {"reason": reason})
        raise OverBudgetError(reason)

    def _announced(self, most: Usage, cost_usd: float | None) -> None:
        """Write down what the request that goes out now can use at most."""
        component, number = self._now.attempt
        trip = trips_asked(self._journal.entries(), component, number) + 1
        self._journal.record(asked_key(component, number, trip), {"tokens": most.total, "cost_usd": cost_usd})


def _lost(model: str) -> Proposal:
    problem = "the answer never arrived here: the study was ended while the model was asked"
    return Proposal("", None, model, LOST, cost_usd=None, tokens=None, problem=problem)


def _proposal(call: Completion) -> Proposal:
    return Proposal(
        answer=call.text,
        value=call.value if call.answered else None,
        model=call.model,
        outcome=call.outcome.value,
        cost_usd=call.cost_usd,
        tokens=None if call.usage is None else call.usage.total,
        problem=_problem(call),
    )


def _problem(call: Completion) -> str:
    match call.outcome:
        case CallOutcome.ANSWERED:
            return ""
        case CallOutcome.TRUNCATED:
            return "the answer was cut off at the limit of tokens (--max-tokens): half a patch is not used"
        case CallOutcome.REFUSED:
            return f"the model refused: {call.detail}"
    return f"the answer is no patch: {call.validation_error or call.detail}"
