"""A whole search by an LLM arm without Ray: real session, client and sockets, and scores that follow from a rule."""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from llm_clients.client import LLMClient
from search.control.session import SearchSession
from search.proposers.asking.calls import CallBook
from search.proposers.asking.llm import CallSettings
from search.proposers.registry import ASKING
from search.space.history import TrialSpec
from search.space.strategy import Strategy
from tests.search import support
from tracking.events import Event, payloads_of
from tracking.ledger import Ledger
from tracking.payloads import LlmCall, Proposed, TrialEnded

TRIALS = 16
PATIENCE_S = 60.0


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
        """Who proposed is left out: that a replay is a replay is the one thing in which it may differ."""
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
    """Run a search in `folder`, or go on with the one that its ledger holds.

    Two trials run at a time; `oldest_first` decides which of them ends first. `stop_at`: interrupt when so many trials
    were proposed.
    """
    space = support.space()
    path = folder / "ledger.jsonl"
    with Ledger.open(path) if path.exists() else Ledger.create(path) as ledger:
        settings = CallSettings(per_call, max_tokens, trials=trials)
        asking = ASKING[arm]
        proposer = asking(space, client, CallBook(ledger, space), settings)
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
    """Run the session's trials, as Tune and its actors would, to its end."""
    running: list[TrialSpec] = []
    deadline = time.monotonic() + PATIENCE_S
    while True:
        assert time.monotonic() < deadline, "the search stands still"
        if stop_at and len(session.history) >= stop_at:
            session.interrupt()
        turn = session.next() if len(running) < 2 else None
        if turn is not None and turn.spec is not None:
            running.append(turn.spec)
        elif running:
            _finish(session, running.pop(0 if oldest_first else -1))
        elif turn is not None and turn.over:
            return


def _finish(session: SearchSession, spec: TrialSpec) -> None:
    rung = 0
    while not session.on_report(support.report(spec.trial, rung, score(spec))):
        rung += 1
