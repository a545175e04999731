"""A recorded run again, without a socket."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NoReturn

import pytest

from llm_clients.errors import LLMConfigurationError
from llm_clients.registry import connect
from llm_clients.replay import ReplayClient, ReplayMismatchError
from llm_clients.request import Completion, Json, Request, call_record
from llm_clients.scripted.script import FaultName, RandomFaults, Script, WireName
from tests.llm_clients.support import ANSWER, REQUEST, SCHEMA, rehearsal

QUESTIONS = [Request.ask(f"Question {number}?", schema=SCHEMA) for number in range(6)]


@pytest.fixture
def recorded() -> list[dict[str, Json]]:
    """Six questions, the first of them twice, answered by a server that fails a third of the time."""
    answers = tuple({**ANSWER, "importance": f"answer {number}"} for number in range(7))
    faults = RandomFaults(probability=0.3, seed=3, kinds=(FaultName.SERVER_ERROR, FaultName.CUT_JSON))
    script = Script(answers=answers, random_faults=faults)
    with rehearsal(script, WireName.OPENAI) as (client, _):
        asked = [*QUESTIONS, QUESTIONS[0]]
        lines = [json.dumps(call_record(request, client.complete(request))) for request in asked]
    return [{"seq": 9, "kind": "llm_call", **json.loads(line)} for line in lines]


@pytest.fixture
def no_sockets(recorded: list[dict[str, Json]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the run is recorded."""

    def refuse(*arguments: Any, **options: Any) -> NoReturn:
        raise AssertionError("a replay opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.mark.usefixtures("no_sockets")
def test_the_same_questions_get_the_same_answers_in_any_order(recorded: list[dict[str, Json]]) -> None:
    originals = [Completion.from_json(payload) for payload in recorded]
    with connect("replay:run-1", env={}, recorded=recorded) as client, ThreadPoolExecutor(4) as pool:
        backwards = list(pool.map(client.complete, reversed(QUESTIONS)))
        again = client.complete(QUESTIONS[0])
        assert isinstance(client, ReplayClient)
        assert client.left == 0
    assert list(reversed(backwards)) == originals[:6]
    assert again == originals[6]
    assert backwards[0].scripted


@pytest.mark.usefixtures("no_sockets")
def test_a_prompt_that_changed_is_shown(recorded: list[dict[str, Json]]) -> None:
    client = connect("replay:run-1", env={}, recorded=recorded)
    with pytest.raises(ReplayMismatchError) as caught:
        client.complete(Request.ask("Question 3? Be brief.", schema=SCHEMA))
    assert "Question 3? Be brief." in str(caught.value)
    assert "and was" in str(caught.value)


@pytest.mark.parametrize(
    "change", [{"max_tokens": 7}, {"temperature": 0.5}, {"schema": {"type": "object"}}, {"system": "Other."}]
)
def test_every_part_of_a_request_counts(recorded: list[dict[str, Json]], change: dict[str, Json]) -> None:
    client = connect("replay:run-1", env={}, recorded=recorded)
    with pytest.raises(ReplayMismatchError):
        client.complete(replace(QUESTIONS[1], **change))


def test_a_prompt_asked_too_often_is_told(recorded: list[dict[str, Json]]) -> None:
    client = connect("replay:run-1", env={}, recorded=recorded)
    client.complete(QUESTIONS[2])
    with pytest.raises(ReplayMismatchError, match="more often than it was recorded"):
        client.complete(QUESTIONS[2])


@pytest.mark.parametrize("payloads", [None, [], [{"request": REQUEST.to_json()}], [{"outcome": "answered"}]])
def test_what_cannot_be_replayed_is_refused_at_once(payloads: list[dict[str, Json]] | None) -> None:
    with pytest.raises(LLMConfigurationError, match="replay:run-1"):
        connect("replay:run-1", env={}, recorded=payloads)
