"""Asking models: what comes back, and what is missing, with scripted servers in this process."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ablations.resources.metering.instruments import Instruments
from ablations.resources.metering.pool import Meters
from ablations.resources.metering.quantity import Origin
from ablations.resources.models.asked import Asked, ServerTimings
from ablations.resources.models.connecting import connect_models
from ablations.resources.models.model import ModelUnderTest
from ablations.resources.models.named import NamedModel
from llm_clients.errors import LLMConfigurationError
from llm_clients.kinds import CallOutcome
from llm_clients.options import ClientOptions
from llm_clients.request import Usage
from llm_clients.retry import RetryPolicy
from llm_clients.scripted.client import ScriptedClient

CODE = "```python\ndef add(a, b):\n    return a + b\n```"
METERS = Meters(Instruments(gpus="no GPU", rapl="no RAPL"))
AT_ONCE = ClientOptions(policy=RetryPolicy(attempts=1))


@contextmanager
def scripted(tmp_path: Path, **script: Any) -> Iterator[ModelUnderTest]:
    file = tmp_path / "script.json"
    file.write_text(json.dumps(script))
    models = connect_models([NamedModel("small", f"scripted:{file}")], meters=METERS, options=AT_ONCE)
    with models["small"] as model:
        yield model


def test_an_answer_comes_with_its_tokens_and_times(tmp_path: Path) -> None:
    with scripted(tmp_path, answers=[f"<think>I add.</think>\n{CODE}"], wire="ollama") as model:
        asked = model.ask("Add two numbers.", system="You write Python.", temperature=0.7, max_tokens=64)
    assert (asked.model, asked.outcome, asked.text, asked.served_by) == ("small", "answered", CODE, "scripted")
    assert asked.answered
    assert asked.usage is not None
    assert asked.usage.output_tokens > 0
    assert (asked.not_taken, asked.trips) == ((), 1)
    assert asked.ended - asked.started >= (asked.readings.duration.value or 0)
    assert asked.timings.eval.value == pytest.approx(0.003), "3,000,000 ns, as the scripted server always says"
    assert asked.timings.eval.origin is Origin.MEASURED
    assert asked.timings.output_rate.value == pytest.approx(asked.usage.output_tokens / 0.003)


def test_a_server_in_this_process_is_not_measured_as_one_of_its_own(tmp_path: Path) -> None:
    with scripted(tmp_path, answers=[CODE]) as model:
        asked = model.ask("Add two numbers.")
    assert asked.readings.cpu.value is None
    assert asked.readings.cpu.why == "the server runs in this process"
    assert asked.timings.total.why.startswith("the server did not report total_duration")


def test_a_temperature_that_the_model_does_not_take_is_said_so(tmp_path: Path) -> None:
    with scripted(tmp_path, answers=[CODE], takes_temperature=False) as model:
        first, second = (model.ask("Add.", temperature=0.9) for _ in range(2))
        plain = model.ask("Add.")
    assert (first.text, first.not_taken, first.trips) == (CODE, ("temperature",), 2)
    assert (second.not_taken, second.trips) == (("temperature",), 1)
    assert plain.not_taken == (), "none was asked for"


def test_an_answer_that_was_cut_keeps_what_came_and_is_no_answer(tmp_path: Path) -> None:
    with scripted(tmp_path, calls=[{"fault": "truncated"}], answers=[CODE]) as model:
        asked = model.ask("Add two numbers.")
    assert asked.outcome is CallOutcome.TRUNCATED
    assert not asked.answered
    assert asked.text
    assert CODE.startswith(asked.text)
    assert asked.detail


def test_a_fault_is_an_outcome_and_no_text(tmp_path: Path) -> None:
    with scripted(tmp_path, calls=[{"fault": "unauthorised"}], answers=[CODE]) as model:
        asked = model.ask("Add two numbers.")
    assert (asked.outcome, asked.text, asked.answered) == (CallOutcome.UNAUTHORISED, "", False)
    assert asked.detail


def test_a_call_comes_back_from_json_as_it_was(tmp_path: Path) -> None:
    with scripted(tmp_path, answers=[CODE], wire="ollama") as model:
        asked = model.ask("Add two numbers.")
    assert Asked.model_validate_json(asked.model_dump_json()) == asked


def test_times_of_a_server_that_counts_no_tokens_have_no_rate() -> None:
    timings = ServerTimings.of({"total": 2.0, "eval": 1.0}, None)
    assert (timings.total.value, timings.load.value, timings.output_rate.value) == (2.0, None, None)
    assert timings.output_rate.why == "the server counted no tokens"
    assert ServerTimings.of({"eval": 2.0}, Usage(5, 8)).output_rate.value == 4.0


def test_models_keep_their_order_and_a_bad_one_leaves_none_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    file = tmp_path / "script.json"
    file.write_text(json.dumps({"answers": [CODE]}))
    good = [NamedModel("b", f"scripted:{file}"), NamedModel("a", f"scripted:{file}")]
    models = connect_models(good, meters=METERS)
    assert list(models) == ["b", "a"]
    for model in models.values():
        model.close()
    closed: list[str] = []
    plain = ScriptedClient.close

    def close(client: ScriptedClient) -> None:
        closed.append(client.model)
        plain(client)

    monkeypatch.setattr(ScriptedClient, "close", close)
    with pytest.raises(LLMConfigurationError, match="no LLM is known by the name 'nobody'"):
        connect_models([*good, NamedModel("c", "nobody")], meters=METERS)
    assert len(closed) == 2
