"""What is recorded about a call: how well the model kept to what it was asked for, and the points it saw."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llm_clients.kinds import AnswerMode, CallOutcome
from llm_clients.request import Attempt, Completion, Request, Usage
from search.outcome.summary import summarise
from search.proposers.asking.calls import CallBook, CallResult, Question
from search.proposers.asking.prompt import read_answer
from search.space.strategy import Strategy
from tests.search import support
from tests.tracking.samples import llm_call, numbered, run_started
from tracking.events import payloads_of
from tracking.ledger import Ledger
from tracking.payloads import AnswerQuality, LlmCall

QUESTION = Question(Request.ask("Propose."))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with support.ledger_at(tmp_path) as made:
        yield made


def answer(*ratios: float, rationale: str = "because") -> Completion:
    """An answer with one strategy per ratio, which keeps that share of every set."""
    sets = len(support.space().profile.sets)
    strategies = [
        {"keep": [ratio] * sets, "importance": "l2", "ranking": "local", "rationale": rationale} for ratio in ratios
    ]
    trail = (Attempt("answered", AnswerMode.NATIVE, usage=Usage(1, 1)),)
    return Completion(CallOutcome.ANSWERED, "m", text="…", value={"strategies": strategies}, trail=trail, attempts=1)


def read(completion: Completion) -> CallResult:
    strategies = read_answer(completion.value, support.space()) if completion.answered else ()
    return CallResult(completion, strategies)


def recorded(ledger: Ledger, *completions: Completion) -> list[AnswerQuality]:
    """The qualities that the ledger holds once these were recorded."""
    book = CallBook(ledger, support.space())
    earlier = payloads_of(ledger.events, LlmCall)
    for call in earlier:
        book.recall(read(Completion.from_json(call.model_dump(mode="json"))))
    for number, completion in enumerate(completions, start=len(earlier)):
        book.record(number, QUESTION, read(completion))
    return [call.quality for call in payloads_of(ledger.events, LlmCall)[len(earlier) :] if call.quality is not None]


def counts(quality: AnswerQuality, *names: str) -> tuple[Any, ...]:
    return tuple(getattr(quality, name) for name in names)


def test_repetitions_are_counted_by_answer_and_by_strategy(ledger: Ledger) -> None:
    qualities = recorded(ledger, answer(0.2, 0.3), answer(0.3, 0.4), answer(0.2, 0.3), answer(0.5, 0.5))
    found = [counts(quality, "strategies", "repeated", "duplicates") for quality in qualities]
    assert found == [(2, 0, 0), (2, 1, 0), (2, 2, 1), (2, 1, 0)]


def test_a_resumed_run_remembers_what_was_said(ledger: Ledger, tmp_path: Path) -> None:
    recorded(ledger, answer(0.2))
    ledger.close()
    with Ledger.open(tmp_path / "ledger.jsonl") as again:
        (quality,) = recorded(again, answer(0.2))
    assert counts(quality, "repeated", "duplicates") == (1, 1)


def test_a_rationale_that_contradicts_its_numbers_is_recorded(ledger: Ledger) -> None:
    (quality,) = recorded(ledger, answer(0.2, rationale="Set 0 at 0.9, the others lower."))
    assert quality.incoherent == 1
    assert quality.contradictions == ("it says 0.9 for set 0, and the ratio is 0.2",)


def test_points_are_recorded_with_the_call_that_shows_them(ledger: Ledger) -> None:
    points = (support.strategy(1 / 3), support.strategy(0.2))
    book = CallBook(ledger, support.space())
    book.record(0, Question(QUESTION.request, points), read(answer(0.2)))
    book.record(1, QUESTION, read(answer(0.2)))
    with_points, without = payloads_of(ledger.events, LlmCall)
    assert with_points.points is not None
    assert tuple(Strategy.from_json(point.model_dump()) for point in with_points.points) == points
    assert without.points is None


def test_an_answer_without_meaning_has_no_strategies(ledger: Ledger) -> None:
    book = CallBook(ledger, support.space())
    book.record(0, QUESTION, CallResult(Completion(CallOutcome.ANSWERED, "m", value={}), problem="too short"))
    (call,) = payloads_of(ledger.events, LlmCall)
    assert call.quality is not None
    assert (call.quality.strategies, call.quality.repeated) == (0, 0)


def test_what_a_model_got_wrong_and_what_the_server_did(ledger: Ledger) -> None:
    trail = (
        Attempt("timeout", AnswerMode.NATIVE),
        Attempt("invalid", AnswerMode.NATIVE, problem="parse_error"),
        Attempt("invalid", AnswerMode.NATIVE, problem="schema_error"),
        Attempt("invalid", AnswerMode.NATIVE, problem="out_of_range"),
    )
    (quality,) = recorded(ledger, Completion(CallOutcome.INVALID, "m", text="no", trail=trail, attempts=4))
    names = ("answers", "valid", "parse_errors", "schema_errors", "out_of_range", "faults", "strategies")
    assert counts(quality, *names) == (3, 0, 1, 1, 1, 1, 0)


def test_the_summary_adds_up_and_leaves_nothing_out_in_silence() -> None:
    calls = [llm_call(0), llm_call(1)]
    use = summarise(numbered([run_started(), *calls])).llm_use
    assert use is not None
    assert (use.calls, use.input_tokens, use.output_tokens, use.cost_usd) == (2, 200, 40, 0.02)
    assert use.quality is not None
    assert use.quality["parse_errors"] == 2
    old = llm_call(2, cost_usd=None).model_copy(update={"quality": None, "usage": None})
    use = summarise(numbered([run_started(), *calls, old])).llm_use
    assert use is not None
    assert (use.calls, use.input_tokens, use.cost_usd, use.quality) == (3, None, None, None)


def test_a_run_without_an_llm_has_no_use_of_one() -> None:
    assert summarise(numbered([run_started()])).llm_use is None


def test_a_ledger_from_before_quality_was_counted_is_read() -> None:
    line = llm_call().model_dump(mode="json")
    del line["quality"]
    assert LlmCall.model_validate(line).quality is None
