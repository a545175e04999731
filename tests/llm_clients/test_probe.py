"""The call that `doctor` makes before anything is spent."""

from __future__ import annotations

import pytest

from llm_clients.kinds import AnswerMode, CallOutcome
from llm_clients.probe import probe
from llm_clients.scripted.script import FaultName, Script, WireName
from tests.llm_clients.support import failing, rehearsal

NUMBER = {"number": 2}


@pytest.mark.parametrize("wire", WireName)
def test_a_model_that_can_be_used(wire: WireName) -> None:
    with rehearsal(Script(model="scripted-x", answers=(NUMBER,)), wire) as (client, _):
        found = probe(client)
    assert found.usable
    assert (found.model, found.mode, found.detail) == ("scripted-x", AnswerMode.NATIVE, "")


def test_how_structure_must_be_asked_for() -> None:
    script = Script(answers=(NUMBER,), structured=frozenset({AnswerMode.PROMPT}), takes_temperature=False)
    with rehearsal(script, WireName.VLLM) as (client, _):
        found = probe(client)
    assert (found.usable, found.mode, found.not_sent) == (True, AnswerMode.PROMPT, ("temperature",))


@pytest.mark.parametrize(
    ("fault", "outcome", "message"),
    [
        (FaultName.UNAUTHORISED, CallOutcome.UNAUTHORISED, "Incorrect API key"),
        (FaultName.UNKNOWN_MODEL, CallOutcome.UNKNOWN_MODEL, "Names that would work: scripted"),
        (FaultName.NO_CREDIT, CallOutcome.OUT_OF_QUOTA, "Insufficient credits"),
        (FaultName.DIE, CallOutcome.UNREACHABLE, "6 attempts in a row failed"),
    ],
)
def test_what_is_wrong_is_said(fault: FaultName, outcome: CallOutcome, message: str) -> None:
    with rehearsal(failing(fault), WireName.OPENAI) as (client, _):
        found = probe(client)
    assert not found.usable
    assert found.outcome is outcome
    assert message in found.detail


def test_a_model_that_talks_nonsense_is_not_usable() -> None:
    with rehearsal(Script(answers=("blah",)), WireName.OLLAMA) as (client, _):
        found = probe(client)
    assert (found.outcome, found.usable) == (CallOutcome.INVALID, False)
    assert "not JSON" in found.detail
