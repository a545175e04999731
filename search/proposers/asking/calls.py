"""Calls of an LLM: what is asked, what came of it, and how both are written into the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol, TypeAlias

from llm_clients.client import Announcement
from llm_clients.quality import Tally
from llm_clients.request import Completion, Request, Usage, call_record
from search.proposers.asking.coherence import contradictions
from search.space.search_space import SearchSpace
from search.space.strategy import Strategy
from tracking.ledger import Ledger
from tracking.payloads import LlmAsked, LlmCall

RationalisedStrategy: TypeAlias = tuple[Strategy, str]
"""A strategy and the model's rationale for it."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a call asks.

    Attributes:
        points: an optimiser's strategies that the request shows and an answer refers to by number; None for an arm
            that shows none.
    """

    request: Request
    points: tuple[Strategy, ...] | None = None


@dataclass(frozen=True, slots=True)
class CallResult:
    """What came of a call, read once.

    Attributes:
        strategies: those of the answer, in its order; empty when there is no usable answer.
        problem: why a valid answer means nothing for this model; None when it was usable or there was none.
    """

    completion: Completion
    strategies: tuple[RationalisedStrategy, ...] = ()
    problem: str | None = None


class CallRecorder(Protocol):
    """What an asking arm needs of whoever keeps its calls."""

    def ask(self, call: int, question: Question) -> Announcement:
        """Return what is to hear of each trip of a call before it is made."""

    def record(self, call: int, question: Question, result: CallResult) -> None:
        """Write a call down, before anything is made of it. Called in the thread that made the call."""

    def recall(self, result: CallResult) -> None:
        """Take note of a call that an earlier session has recorded."""


class CallBook:
    """Records the calls of one run, each with how well the model kept to what it was asked for.

    Calls are recorded in whatever thread they are made, one at a time. A resumed run recalls the calls of its earlier
    sessions first, so that repetitions of their answers are counted too.
    """

    def __init__(self, ledger: Ledger, space: SearchSpace) -> None:
        self._ledger = ledger
        self._space = space
        self._tally = Tally()
        self._known: set[Strategy] = set()

    def ask(self, call: int, question: Question) -> Announcement:
        """Return what writes down each trip of a call before it is made, with the most that it can use."""
        trips, fingerprint = count(), question.request.fingerprint()

        def announce(most: Usage, most_usd: float | None) -> None:
            asked = LlmAsked(
                call=call, trip=next(trips), fingerprint=fingerprint, most_tokens=most.total, most_usd=most_usd
            )
            self._ledger.record(asked)

        return announce

    def record(self, call: int, question: Question, result: CallResult) -> None:
        """Write a call down, before anything is made of it."""
        points = None if question.points is None else [point.to_json() for point in question.points]
        content = call_record(question.request, result.completion)
        content |= {"call": call, "quality": self._quality(result), "points": points}
        self._ledger.record(LlmCall.model_validate(content))

    def recall(self, result: CallResult) -> None:
        """Count a call that the ledger holds already."""
        self._quality(result)

    def _quality(self, result: CallResult) -> dict[str, Any]:
        counts = self._tally.count(result.completion).to_json()
        del counts["calls"]
        strategies = [strategy for strategy, _ in result.strategies]
        found = _contradictions(result.strategies, self._space)
        new = set(strategies) - self._known
        self._known |= new
        return {
            **counts,
            "strategies": len(strategies),
            "repeated": len(strategies) - len(new),
            "incoherent": sum(bool(claims) for claims in found),
            "contradictions": [claim for claims in found for claim in claims],
        }


def _contradictions(strategies: Sequence[RationalisedStrategy], space: SearchSpace) -> list[tuple[str, ...]]:
    return [contradictions(rationale, strategy.ratios, space.profile.sets) for strategy, rationale in strategies]
