"""Calls of an LLM on their way into the ledger, each with how well the model kept to what it was asked for."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llm_clients.quality import Tally
from llm_clients.request import Completion, Request, call_record
from search.proposers.asking.coherence import contradictions
from search.proposers.asking.prompt import AnswerError, read_answer
from search.space.search_space import SearchSpace
from search.space.strategy import Strategy
from tracking.events import payloads_of
from tracking.ledger import Ledger
from tracking.payloads import LlmCall

Reader = Callable[[Mapping[str, Any], Request], Sequence[tuple[Strategy, str]]]
"""From a valid answer, and what it answers, to strategies with their rationales. Raises AnswerError."""


class CallBook:
    """Records the calls of one run, in whatever thread they are made, one at a time.

    What the ledger holds already counts as said before: a resumed run tells repetitions of its first session too.
    """

    def __init__(self, ledger: Ledger, space: SearchSpace, read: Reader | None = None) -> None:
        """`read`: of an arm whose answers are not plain lists of strategies."""
        self._read = read or (lambda value, _: read_answer(value, space))
        self._ledger = ledger
        self._space = space
        self._tally = Tally()
        self._said: set[Strategy] = set()
        for call in payloads_of(ledger.events, LlmCall):
            self._quality(Request.from_json(call.request), Completion.from_json(call.model_dump(mode="json")))

    def record(self, call: int, request: Request, completion: Completion) -> None:
        """Write the call down, before anything is made of it."""
        content = call_record(request, completion) | {"call": call, "quality": self._quality(request, completion)}
        self._ledger.record(LlmCall.model_validate(content))

    def _quality(self, request: Request, completion: Completion) -> dict[str, Any]:
        counts = self._tally.count(completion).to_json()
        del counts["calls"]
        said = self._strategies(request, completion)
        against = [contradictions(rationale, strategy.ratios, self._space.profile.sets) for strategy, rationale in said]
        new = {strategy for strategy, _ in said} - self._said
        self._said |= new
        return {
            **counts,
            "strategies": len(said),
            "repeated": len(said) - len(new),
            "incoherent": sum(bool(words) for words in against),
            "contradictions": [words for each in against for words in each],
        }

    def _strategies(self, request: Request, completion: Completion) -> Sequence[tuple[Strategy, str]]:
        if not completion.answered:
            return ()
        try:
            return self._read(completion.value, request)
        except AnswerError:
            return ()  # counted and answered by the proposer, which asks again
