"""The call that `doctor` makes before anything is spent."""

from __future__ import annotations

import pytest

from llm_clients.probe import probe
from llm_clients.request import Outcome, Rung
from llm_clients.scripted.script import FaultName, Script, WireName
from tests.llm_clients.support import failing, rehearsal

NUMBER = {"number": 2}


@pytest.mark.parametrize("wire", WireName)
def test_a_model_that_can_be_used(wire: WireName) -> None:
    with rehearsal(Script(model="scripted-x", answers=(NUMBER,)), wire) as (client, _):
        found = probe(client)
    assert found.usable
    assert (found.model, found.rung, found.detail) == ("scripted-x", Rung.NATIVE, "")


def test_how_structure_must_be_asked_for() -> None:
    script = Script(answers=(NUMBER,), structured=frozenset({Rung.PROMPT}), takes_temperature=False)
    with rehearsal(script, WireName.VLLM) as (client, _):
        found = probe(client)
    assert (found.usable, found.rung, found.not_sent) == (True, Rung.PROMPT, ("temperature",))


@pytest.mark.parametrize(
    ("fault", "outcome", "words"),
    [
        (FaultName.UNAUTHORISED, Outcome.UNAUTHORISED, "Incorrect API key"),
        (FaultName.UNKNOWN_MODEL, Outcome.UNKNOWN_MODEL, "Names that would work: scripted"),
        (FaultName.NO_CREDIT, Outcome.OUT_OF_QUOTA, "Insufficient credits"),
        (FaultName.DIE, Outcome.UNREACHABLE, "6 attempts in a row failed"),
    ],
)
def test_what_is_wrong_is_said(fault: FaultName, outcome: Outcome, words: str) -> None:
    with rehearsal(failing(fault), WireName.OPENAI) as (client, _):
        found = probe(client)
    assert not found.usable
    assert found.outcome is outcome
    assert words in found.detail


def test_a_model_that_talks_nonsense_is_not_usable() -> None:
    with rehearsal(Script(answers=("blah",)), WireName.OLLAMA) as (client, _):
        found = probe(client)
    assert (found.outcome, found.usable) == (Outcome.INVALID, False)
    assert "not JSON" in found.detail
