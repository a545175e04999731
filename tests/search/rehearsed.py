"""A whole search by an LLM arm without Ray: real session, client and sockets, and scores that follow from a rule."""

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from llm_clients.client import LLMClient
from search.control.report import Report
from search.control.session import SearchSession
from search.execution.local import serve
from search.proposers.asking.llm import CallSettings
from search.setup.proposer import make_asking_proposer
from search.space.history import TrialSpec
from search.space.strategy import Strategy
from tests.search import support
from tracking.events import Event, payloads_of
from tracking.ledger import Ledger
from tracking.payloads import LlmCall, Proposed, TrialEnded

TRIALS = 16


@dataclass(frozen=True)
class Rehearsed:
    """The result of a search.

    Attributes:
        failure: what made the search invalid, if anything did.
    """

    events: tuple[Event, ...]
    winner: TrialSpec | None
    stop_reason: str | None
    failure: Exception | None

    @property
    def calls(self) -> tuple[LlmCall, ...]:
        return payloads_of(self.events, LlmCall)

    @property
    def results(self) -> tuple[TrialEnded, ...]:
        return payloads_of(self.events, TrialEnded)

    @property
    def proposals(self) -> list[tuple[int, Strategy, tuple[int, ...], str]]:
        """Who proposed is left out: a replay has a name of its own, and may differ in nothing else."""
        return [
            (made.trial, Strategy.from_json(made.strategy.model_dump()), tuple(made.allocation), made.rationale)
            for made in payloads_of(self.events, Proposed)
        ]


def rehearse(
    folder: Path,
    client: LLMClient,
    *,
    arm: str = "llm",
    trials: int = TRIALS,
    per_call: int = 1,
    max_tokens: int = 4000,
    oldest_first: bool = False,
    stop_at: int = 0,
) -> Rehearsed:
    """Run a search in `folder`, or go on with the one that its ledger holds. `oldest_first`, `stop_at`: see `play`."""
    space = support.space()
    path = folder / "ledger.jsonl"
    with Ledger.open(path) if path.exists() else Ledger.create(path) as ledger:
        settings = CallSettings(per_call, max_tokens, trials=trials)
        proposer = make_asking_proposer(arm, space, client, ledger, settings)
        session = support.session(ledger, proposer, space, trials=trials, window=3)
        try:
            session.restore(ledger.events)
            play(session, oldest_first=oldest_first, stop_at=stop_at)
        finally:
            proposer.close()
        best = session.history.best()
        return Rehearsed(
            tuple(ledger.events), None if best is None else best[0], session.stop_reason, proposer.failure()
        )


def score(spec: TrialSpec) -> float:
    """A trial's score: an arbitrary one that is always the same."""
    return int.from_bytes(hashlib.sha256(repr(spec.allocation).encode()).digest()[:2], "big") / 65536


def play(session: SearchSession, *, oldest_first: bool = False, stop_at: int = 0) -> None:
    """Run the session's trials to its end, two at a time, with scores that their allocations dictate.

    Args:
        session: not begun yet, or restored.
        oldest_first: which of the two ends first; the newer one by default.
        stop_at: interrupt the search once so many trials were proposed, in the midst of one.
    """

    def reports(spec: TrialSpec) -> Iterator[Report]:
        if stop_at and len(session.history) >= stop_at:
            session.interrupt()
        return (support.report(spec.trial, rung, score(spec)) for rung in itertools.count())

    serve(session, reports, open_at_once=2, newest_first=not oldest_first)
