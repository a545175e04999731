"""A search against a server with each habit of real ones ends as it does without."""

from pathlib import Path
from typing import Any

import pytest

from llm_clients.kinds import CallOutcome
from llm_clients.scripted.script import Habit
from tests.search.rehearsed import Rehearsed, rehearse
from tests.search.test_llm_search import scripted

TRIALS = 6
TOOLS = {"structured": ["tool", "prompt"]}
SHAPES: dict[str, dict[str, Any]] = {
    **{habit.value: {"habits": [habit.value]} for habit in Habit},
    **{f"{habit.value} in a tool call": {"habits": [habit.value], **TOOLS} for habit in Habit},
    "everything at once": {"habits": ["thoughts", "thoughts_apart", "parts", "odd_usage"]},
    "the other field of tokens": {"tokens_field": "max_tokens"},
    "a mode refused with 404": {**TOOLS, "refuses_structure_with": 404},
    "a mode refused with 500": {**TOOLS, "refuses_structure_with": 500},
    "JSON only if the prompt asks for it": {"structured": ["prompt"], "habits": ["brackets"]},
    "no temperature": {"takes_temperature": False},
    "a small context": {"context": 6000},
    "slow answers": {"latency_s": 0.1},
    **{f"{habit.value} of Claude": {"habits": [habit.value], "wire": "anthropic"} for habit in Habit},
    **{f"{habit.value} of Ollama": {"habits": [habit.value], "wire": "ollama"} for habit in Habit},
    "a window that cuts": {"wire": "ollama", "window": 32_768},
}
FAULTS = ["gateway", "upstream", "only_thoughts", "html", "empty_choices", "prose"]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Rehearsed:
    folder = tmp_path_factory.mktemp("plain")
    return rehearse(folder, scripted(folder, random_faults=None), trials=TRIALS)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_winner_whatever_the_server_is_like(plain: Rehearsed, tmp_path: Path, shape: str) -> None:
    search = rehearse(tmp_path, scripted(tmp_path, random_faults=None, **SHAPES[shape]), trials=TRIALS)
    assert search.proposals == plain.proposals
    assert search.winner is not None
    assert plain.winner is not None
    assert search.winner.allocation == plain.winner.allocation
    assert {call.outcome for call in search.calls} == {CallOutcome.ANSWERED}


def test_the_same_winner_between_faults(plain: Rehearsed, tmp_path: Path) -> None:
    faults = {"probability": 0.6, "seed": 1, "kinds": FAULTS}
    client = scripted(tmp_path, random_faults=faults, habits=["thoughts"])
    search = rehearse(tmp_path, client, trials=TRIALS)
    assert len(client.server.totals()["faults"]) >= 2
    assert search.proposals == plain.proposals


def test_what_nobody_counted_is_recorded_as_unknown(tmp_path: Path) -> None:
    client = scripted(tmp_path, random_faults=None, habits=["null_usage"])
    search = rehearse(tmp_path, client, trials=TRIALS)
    assert [(call.usage, call.cost_usd) for call in search.calls] == [(None, None)] * len(search.calls)
    assert all(trip["reserved_tokens"] > 0 for call in search.calls for trip in call.trail)


@pytest.mark.parametrize("fault", ["region", "not_found", "daily_quota"])
def test_a_fault_that_stays_ends_the_arm_with_the_servers_words(tmp_path: Path, fault: str) -> None:
    client = scripted(tmp_path, random_faults={"probability": 1.0, "kinds": [fault]})
    search = rehearse(tmp_path, client, trials=TRIALS)
    assert len(search.calls) == 1
    assert search.calls[0].detail in (search.stop_reason or "")
    assert [trial for trial, *_ in search.proposals] == [0], "the common start alone"
