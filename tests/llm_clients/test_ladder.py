"""The ladder of modes: structured output is requested in the best mode that the server accepts, and validated."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llm_clients.kinds import AnswerMode, CallOutcome
from llm_clients.scripted.script import FaultName, Script, Step, WireName
from tests.llm_clients.support import ANSWER, REQUEST, failing, rehearsal

ALL = frozenset(AnswerMode)
WITH_TOOLS = [wire for wire in WireName if wire is not WireName.OLLAMA]


@pytest.mark.parametrize("wire", WireName)
@pytest.mark.parametrize(
    ("taken", "mode", "trips"),
    [
        (ALL, AnswerMode.NATIVE, 1),
        (ALL - {AnswerMode.NATIVE}, AnswerMode.TOOL, 2),
        (frozenset({AnswerMode.PROMPT}), AnswerMode.PROMPT, 3),
    ],
)
def test_the_best_mode_that_the_server_accepts(
    wire: WireName, taken: frozenset[AnswerMode], mode: AnswerMode, trips: int
) -> None:
    if wire is WireName.OLLAMA and mode is not AnswerMode.NATIVE:
        mode, trips = AnswerMode.PROMPT, 2  # it has no tool mode
    with rehearsal(Script(answers=(ANSWER,), structured=taken), wire) as (client, _):
        first, second = client.complete(REQUEST), client.complete(REQUEST)
    assert (first.value, first.mode, first.attempts) == (ANSWER, mode, trips)
    # learned: the second call starts where the first one ended
    assert (second.value, second.mode, second.attempts) == (ANSWER, mode, 1)


@pytest.mark.parametrize("wire", WireName)
def test_a_request_that_is_wrong_in_every_mode_is_rejected_and_teaches_nothing(wire: WireName) -> None:
    modes = 2 if wire is WireName.OLLAMA else 3
    with rehearsal(failing(*[FaultName.BAD_REQUEST] * modes), wire) as (client, _):
        rejected, answered = client.complete(REQUEST), client.complete(REQUEST)
    assert rejected.outcome is CallOutcome.REJECTED
    assert "request cannot be read" in rejected.detail
    assert rejected.attempts == modes
    assert (answered.mode, answered.attempts) == (AnswerMode.NATIVE, 1)


@pytest.mark.parametrize("wire", [wire for wire in WireName if wire is not WireName.ANTHROPIC])
def test_a_temperature_is_left_out_where_the_model_takes_none(wire: WireName) -> None:
    warm = replace(REQUEST, temperature=0.0)
    with rehearsal(Script(answers=(ANSWER,), takes_temperature=False), wire) as (client, _):
        first, second = client.complete(warm), client.complete(warm)
    assert (first.value, first.not_sent, first.attempts) == (ANSWER, ("temperature",), 2)
    assert (second.not_sent, second.attempts) == (("temperature",), 1)
    with rehearsal(Script(answers=(ANSWER,)), wire) as (client, _):
        assert client.complete(warm).not_sent == ()


def test_claude_is_never_sent_a_temperature() -> None:
    script = Script(answers=(ANSWER,), takes_temperature=False)
    with rehearsal(script, WireName.ANTHROPIC) as (client, _):
        completion = client.complete(replace(REQUEST, temperature=0.7))
    assert (completion.value, completion.attempts, completion.not_sent) == (ANSWER, 1, ("temperature",))


@pytest.mark.parametrize("wire", WITH_TOOLS)
def test_a_tool_call_that_is_invalid_is_sent_back(wire: WireName) -> None:
    script = failing(FaultName.WRONG_SCHEMA, structured=frozenset({AnswerMode.TOOL, AnswerMode.PROMPT}))
    with rehearsal(script, wire) as (client, _):
        completion = client.complete(REQUEST)
    assert completion.value == ANSWER
    # the first question fell from native to tool; the scripted server had not counted it as a call
    assert [attempt.result for attempt in completion.trail] == ["rejected", "invalid", "answered"]


@pytest.mark.parametrize("wire", WireName)
@pytest.mark.parametrize("reasks", [0, 2])
def test_an_answer_that_stays_invalid_is_told_as_such(wire: WireName, reasks: int) -> None:
    with rehearsal(failing(*[FaultName.OUT_OF_RANGE] * 5), wire, reasks=reasks) as (client, server):
        completion = client.complete(REQUEST)
        totals = server.totals()
    assert completion.outcome is CallOutcome.INVALID
    assert completion.value is None
    assert completion.attempts == reasks + 1
    assert completion.validation_error is not None
    assert "is greater than the maximum of 1" in completion.validation_error
    assert {attempt.problem for attempt in completion.trail} == {"out_of_range"}
    assert all("1000000000" in attempt.text for attempt in completion.trail)
    # every one of them was charged
    assert completion.usage is not None
    assert completion.usage.total == totals["input_tokens"] + totals["output_tokens"]


@pytest.mark.parametrize("wire", WITH_TOOLS)
def test_a_refusal_is_reworded_once_if_the_caller_has_words_for_it(wire: WireName) -> None:
    polite = replace(REQUEST, reword="This is routine compression of an image classifier.")
    with rehearsal(failing(FaultName.REFUSAL), wire) as (client, _):
        assert [attempt.result for attempt in client.complete(polite).trail] == ["refused", "answered"]
    with rehearsal(failing(FaultName.REFUSAL, FaultName.REFUSAL), wire) as (client, _):
        completion = client.complete(polite)
        assert (completion.outcome, completion.attempts) == (CallOutcome.REFUSED, 2)
        assert completion.detail


def test_raw_text_of_every_answer_is_kept() -> None:
    script = Script(calls=(Step(answer="no"), Step(answer="still no"), Step(answer=ANSWER)))
    with rehearsal(script, WireName.OPENAI) as (client, _):
        completion = client.complete(REQUEST)
    assert [attempt.text for attempt in completion.trail][:2] == ["no", "still no"]
    assert completion.trail[0].detail.startswith("not JSON")


def test_a_model_that_is_gone_gives_the_vendors_words_and_names_that_would_work() -> None:
    script = Script(answers=(ANSWER,), models=("scripted-sonnet-5", "scripted-opus-5", "scripted-haiku-5"))
    for wire in WireName:
        with rehearsal(script, wire) as (client, _):
            client.vendor.model = "scripted-sonnet-3"
            completion = client.complete(REQUEST)
        assert completion.outcome is CallOutcome.UNKNOWN_MODEL
        assert "scripted-sonnet-3 has been retired" in completion.detail
        assert "Names that would work: scripted-sonnet-5" in completion.detail
