"""A call whose process died is on the books: what it can have used counts, and its answer is asked for again."""

from pathlib import Path

from llm_clients.kinds import CallOutcome
from llm_clients.request import Usage
from llm_clients.spend_limit import Hold, Refused
from search.setup.config import RunConfig
from search.setup.preparation import _llm_budget
from tests.tracking import samples
from tracking.events import payloads_of
from tracking.kinds import EventKind
from tracking.ledger import Ledger
from tracking.payloads import LlmCall, Payload, Resumed
from tracking.phases import unsettled_trips
from tracking.reader import read_ledger


def trips(*payloads: Payload) -> list[tuple[int, int]]:
    return [(asked.call, asked.trip) for asked in unsettled_trips(samples.numbered(payloads))]


def answered(call: int) -> LlmCall:
    return samples.llm_call(call).model_copy(update={"trail": ({}, {})})


def cancelled(call: int) -> LlmCall:
    return samples.llm_call(call).model_copy(update={"outcome": CallOutcome.CANCELLED, "trail": ({}, {})})


def test_only_what_no_answer_settled_is_open() -> None:
    ask, answer, again = samples.llm_asked, answered, Resumed(from_seq=1)
    assert trips(ask(0), ask(0, trip=1), answer(0)) == []
    assert trips(ask(0), answer(0), ask(1), ask(1, trip=1)) == [(1, 0), (1, 1)]
    assert trips(ask(0), again, ask(0), answer(0)) == [(0, 0)], "the call that was made again settles its own trip only"
    assert trips(ask(0), ask(0, trip=1), cancelled(0)) == [(0, 1)], "an interrupt ended the wait, not the server's work"


def test_what_is_open_counts_against_the_limits() -> None:
    config = RunConfig(llm="gpt-x", llm_base_url="http://127.0.0.1:1/v1", max_tokens_total=6000)
    limits = [_llm_budget(config, (), asked) for asked in ((), (samples.llm_asked(),))]
    assert [limit.spent().unsettled_tokens for limit in limits] == [0, 5000]
    wanted = Usage(1000, 1000)
    assert isinstance(limits[0].reserve(wanted, None), Hold)
    assert isinstance(limits[1].reserve(wanted, None), Refused)


def test_an_older_ledger_goes_on(tmp_path: Path) -> None:
    """A line of format 2 has no `llm_asked` before its call, and stays readable."""
    path = tmp_path / "ledger.jsonl"
    with Ledger.create(path) as ledger:
        ledger.record(samples.run_started().model_copy(update={"schema_version": 2}))
        ledger.record(samples.llm_call())
    assert [event.kind for event in read_ledger(path)] == [EventKind.RUN_STARTED, EventKind.LLM_CALL]
    assert payloads_of(read_ledger(path), LlmCall) == (samples.llm_call(),)
