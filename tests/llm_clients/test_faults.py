"""Every fault, over a real socket, for every client: what comes out, and after how many trips."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from llm_clients.kinds import CallOutcome
from llm_clients.scripted.script import FaultName, WireName
from tests.llm_clients.support import ANSWER, REQUEST, failing, rehearsal

F = FaultName


@dataclass(frozen=True)
class Expected:
    """The expected result of the first trip, outcome of the call, and whether it is retried, after one fault."""

    first: str
    outcome: CallOutcome = CallOutcome.ANSWERED
    trips: int = 2


TABLE = {
    F.RATE_LIMIT: Expected("rate_limited"),
    F.SERVER_ERROR: Expected("server_error"),
    F.OVERLOADED: Expected("overloaded"),
    F.RESET: Expected("connection"),
    F.HANG: Expected("timeout"),
    F.TRICKLE: Expected("timeout"),
    F.HTML: Expected("malformed"),
    F.ERROR_200: Expected("server_error"),
    F.EMPTY_CHOICES: Expected("malformed"),
    F.NULL_CHOICES: Expected("malformed"),
    F.UNAUTHORISED: Expected("unauthorised", CallOutcome.UNAUTHORISED, 1),
    F.NO_CREDIT: Expected("out_of_quota", CallOutcome.OUT_OF_QUOTA, 1),
    F.INSUFFICIENT_QUOTA: Expected("out_of_quota", CallOutcome.OUT_OF_QUOTA, 1),
    F.UNKNOWN_MODEL: Expected("unknown_model", CallOutcome.UNKNOWN_MODEL, 1),
    F.BAD_REQUEST: Expected("rejected"),
    F.DAILY_QUOTA: Expected("out_of_quota", CallOutcome.OUT_OF_QUOTA, 1),
    F.REGION: Expected("forbidden", CallOutcome.FORBIDDEN, 1),
    F.GATEWAY: Expected("server_error"),
    F.NOT_FOUND: Expected("wrong_address", CallOutcome.WRONG_ADDRESS, 1),
    F.UPSTREAM: Expected("server_error"),
    F.DIE: Expected("connection", CallOutcome.UNREACHABLE, 6),
    F.CUT_JSON: Expected("invalid"),
    F.TRUNCATED: Expected("truncated", CallOutcome.TRUNCATED, 1),
    F.PROSE: Expected("answered", trips=1),
    F.WRONG_SCHEMA: Expected("invalid"),
    F.OUT_OF_RANGE: Expected("invalid"),
    F.REFUSAL: Expected("refused", CallOutcome.REFUSED, 1),
    F.CONTENT_FILTER: Expected("refused", CallOutcome.REFUSED, 1),
    F.THOUGHT_CUT: Expected("truncated", CallOutcome.TRUNCATED, 1),
    F.ONLY_THOUGHTS: Expected("invalid"),
}

# Ollama's format cannot express these
NOT_OLLAMAS = {
    F.REFUSAL: Expected("invalid"),
    F.CONTENT_FILTER: Expected("malformed"),
}


def test_the_table_names_every_fault() -> None:
    assert set(TABLE) == set(FaultName)


@pytest.mark.parametrize("wire", WireName)
@pytest.mark.parametrize("fault", FaultName)
def test_one_fault(wire: WireName, fault: FaultName) -> None:
    expected = NOT_OLLAMAS.get(fault, TABLE[fault]) if wire is WireName.OLLAMA else TABLE[fault]
    with rehearsal(failing(fault), wire) as (client, server):
        completion = client.complete(REQUEST)
    assert completion.trail[0].result == expected.first
    assert completion.outcome is expected.outcome
    assert completion.value == (ANSWER if expected.outcome is CallOutcome.ANSWERED else None)
    assert completion.answered or completion.detail or completion.validation_error
    if fault in (F.HANG, F.TRICKLE):
        # on a starved machine the answer after it may come too late as well, which is the same fault again
        assert {attempt.result for attempt in completion.trail[:-1]} == {"timeout"}
        return
    assert completion.attempts == expected.trips
    # what the server sent whole is counted, and nothing else
    assert completion.usage is not None
    assert completion.usage.input_tokens == server.totals()["input_tokens"]
    assert completion.usage.output_tokens == server.totals()["output_tokens"]
