"""The scripted server: its command, its totals, and a rehearsal under faults."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_clients.kinds import AnswerMode
from llm_clients.registry import connect
from llm_clients.request import Completion, Json, Request
from llm_clients.scripted.improvise import improvise
from llm_clients.scripted.script import FaultName, Order, PerMillion, RandomFaults, Script, WireName
from llm_clients.scripted.server import ScriptedServer
from llm_clients.validation import validate_text
from tests.llm_clients.support import ANSWER, REQUEST, SCHEMA, rehearsal

ANSWERS = tuple({"ratios": [round(0.01 * n, 2), 0.5], "importance": f"idea {n}"} for n in range(40))
QUESTIONS = [Request.ask(f"Trial {number}: choose ratios.", schema=SCHEMA) for number in range(40)]
PRICE = PerMillion(input_per_million=3.0, output_per_million=15.0)


def _rehearse(wire: WireName, faults: RandomFaults | None) -> tuple[list[Completion], dict[str, Json]]:
    """40 questions by 4 threads; each question has its own answer, whatever the order of arrival."""
    script = Script(answers=ANSWERS, order=Order.BY_PROMPT, random_faults=faults, price=PRICE, hang_s=2.0)
    with rehearsal(script, wire, price=PRICE.price()) as (client, server), ThreadPoolExecutor(4) as pool:
        return list(pool.map(client.complete, QUESTIONS)), server.totals()


@pytest.mark.parametrize("wire", WireName)
def test_thirty_percent_faults_lose_nothing_and_cost_what_the_server_says(wire: WireName) -> None:
    kinds = (*RandomFaults(probability=0).kinds, FaultName.OUT_OF_RANGE, FaultName.PROSE)
    plain, _ = _rehearse(wire, None)
    shaken, totals = _rehearse(wire, RandomFaults(probability=0.3, seed=5, kinds=kinds))
    assert [completion.value for completion in shaken] == [completion.value for completion in plain]
    assert sum(totals["faults"].values()) >= 8
    assert sum(completion.cost_usd or 0.0 for completion in shaken) == pytest.approx(totals["cost_usd"])
    assert sum(completion.attempts for completion in shaken) == totals["requests"]
    assert sum(completion.usage.input_tokens for completion in shaken if completion.usage) == totals["input_tokens"]


def test_faults_by_chance_do_not_depend_on_the_order_of_arrival() -> None:
    faults = RandomFaults(probability=0.5, seed=1, kinds=(FaultName.SERVER_ERROR, FaultName.CUT_JSON))
    first, _ = _rehearse(WireName.OPENAI, faults)
    second, _ = _rehearse(WireName.OPENAI, faults)
    trails = [[[attempt.result for attempt in c.trail] for c in run] for run in (first, second)]
    assert trails[0] == trails[1]


def test_answers_cycle_and_faults_use_none_up() -> None:
    script = Script(answers=("a", "b"), random_faults=RandomFaults(probability=0.5, seed=2))
    with rehearsal(script, WireName.ANTHROPIC) as (client, _):
        texts = [client.complete(Request.ask("again")).text for _ in range(5)]
    assert [text for text in texts if text in ("a", "b")] == ["a", "b", "a", "b", "a"]


def test_a_reply_is_chosen_by_what_the_prompt_mentions_whatever_the_order() -> None:
    script = Script(replies={"first part": "one", "second part": {"two": 2}}, answers=("a", "b"))
    with rehearsal(script, WireName.OPENAI) as (client, _):
        asked = ("the second part:", "something else", "the first part:", "the second part:", "something else")
        texts = [client.complete(Request.ask(prompt)).text for prompt in asked]
    assert texts == ['{"two": 2}', "a", "one", '{"two": 2}', "b"], "a reply uses up no answer"


@pytest.mark.parametrize("taken", [frozenset(AnswerMode), frozenset({AnswerMode.TOOL}), frozenset({AnswerMode.PROMPT})])
@pytest.mark.parametrize("wire", WireName)
def test_an_improvised_answer_fits_what_was_asked(wire: WireName, taken: frozenset[AnswerMode]) -> None:
    with rehearsal(Script(improvise=7, structured=taken), wire) as (client, _):
        first, again, other = [client.complete(question) for question in (QUESTIONS[0], QUESTIONS[0], QUESTIONS[1])]
    # Claude's grammar has no bounds: a first answer may be out of range there, as a real one may, and is sent back
    assert all(completion.answered for completion in (first, again, other))
    assert first.value == again.value != other.value


@given(st.integers())
def test_improvisation_knows_the_schemas_that_models_are_asked_for(seed: int) -> None:
    pair = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 3, "maximum": 5}}, "required": ["a"]}
    schema = {
        "$defs": {"pair": pair},
        "type": "object",
        "required": ["list", "word", "flag", "kind", "maybe"],
        "properties": {
            "list": {"type": "array", "items": {"$ref": "#/$defs/pair"}, "minItems": 2, "maxItems": 9},
            "word": {"type": "string", "maxLength": 5},
            "flag": {"type": "boolean"},
            "kind": {"enum": ["x", "y"]},
            "maybe": {"anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 0.001}, {"type": "null"}]},
        },
    }
    text = json.dumps(improvise(schema, "prompt", seed))
    assert validate_text(text, schema).outcome == "answered"


def test_a_script_that_is_over_says_so() -> None:
    script = Script.model_validate({"calls": [{"answer": "only one"}]})
    with rehearsal(script, WireName.OPENAI) as (client, _):
        assert client.complete(Request.ask("first")).value == "only one"
        second = client.complete(Request.ask("second"))
    assert second.outcome == "rejected"
    assert "come to its end after 1 calls" in second.detail


def test_a_script_survives_its_file() -> None:
    script = Script(answers=ANSWERS, random_faults=RandomFaults(probability=0.1), price=PRICE)
    assert Script.model_validate_json(script.model_dump_json()) == script


@contextmanager
def served(script: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The server as its own process, and the line that announces it."""
    command = [sys.executable, "-m", "llm_clients.scripted", str(script), *arguments]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def test_one_command_serves_every_format_and_tells_its_books(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text(Script(model="scripted-cli", answers=(ANSWER,), price=PRICE).model_dump_json())
    with served(path, "--port", "0") as (process, line):
        assert (line["event"], line["model"], line["pid"]) == ("serving", "scripted-cli", process.pid)
        url = line["url"]
        names = ("claude-x", url), ("gpt-x", f"{url}/v1"), ("ollama:x", url), ("vllm:x", f"{url}/v1")
        env = {"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k"}
        for name, base_url in names:
            with connect(name, base_url=base_url, env=env) as client:
                completion = client.complete(REQUEST)
            assert completion.value == ANSWER
            assert completion.scripted
            # a server in another process of this machine is measured while it answers
            assert completion.resources is not None
            assert (completion.resources["rss_peak_bytes"] or 0) > 10e6
            assert (completion.resources["cpu_s"] or 0) >= 0
        with urllib.request.urlopen(f"{url}/scripted/totals") as answer:  # noqa: S310 - loopback
            assert json.load(answer)["answers"] == 4
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        last = json.loads(process.stdout.readline())
        assert (last["event"], last["answers"], process.wait()) == ("stopped", 4, 0)


def test_a_bad_script_ends_the_command_with_two(tmp_path: Path) -> None:
    from llm_clients.scripted.__main__ import main

    assert main([str(tmp_path / "none.json")]) == 2


def test_the_port_is_free_again_after_closing() -> None:
    with ScriptedServer(Script(answers=(1,))) as server:
        port = int(server.url.rpartition(":")[2])
    with ScriptedServer(Script(answers=(1,)), port=port) as again:
        assert again.url.endswith(f":{port}")
