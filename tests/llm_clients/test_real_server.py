"""A real language model behind a real inference server, over HTTP: tiny and random, so its answers are nonsense."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from llm_clients.kinds import AnswerMode, CallOutcome
from llm_clients.options import ClientOptions
from llm_clients.probe import probe
from llm_clients.quality import quality_of
from llm_clients.registry import connect
from llm_clients.request import Completion, Request
from llm_clients.retry import RetryPolicy
from tests.llm_clients.support import SCHEMA
from tests.search.rehearsed import rehearse

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SYSTEM = "You prune vision models."
PROMPTS = ("Choose keep ratios.", "Propose a strategy.", "Which layers?", "Answer in JSON.")
RUNNING = re.compile(r"running on (http://127\.0\.0\.1:\d+)")


@dataclass(frozen=True)
class Served:
    """A server: the client's name for its model, and its process."""

    name: str
    process: "subprocess.Popen[str]"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    from tests.llm_clients.tiny_model import save_tiny_model

    folder = tmp_path_factory.mktemp("tiny-model")
    save_tiny_model(folder)
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.llm_clients.serve_tiny", str(folder)],
        cwd=ROOT,
        env={**os.environ, **offline},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if (found := RUNNING.search(line)) is not None:
            break
    else:
        raise AssertionError("the server did not start:\n" + "".join(said))
    yield Served(f"vllm:{folder}@{found[1]}/v1", process)
    process.terminate()
    process.wait()


@pytest.fixture(scope="module")
def completions(served: Served) -> list[Completion]:
    with connect(served.name, env={}) as client:
        return [client.complete(Request.ask(text, system=SYSTEM, schema=SCHEMA, max_tokens=96)) for text in PROMPTS]


@pytest.fixture
def completion(completions: list[Completion]) -> Completion:
    return completions[0]


def test_nonsense_is_classified_and_never_replaced(completions: list[Completion]) -> None:
    assert {each.outcome for each in completions} <= {CallOutcome.INVALID, CallOutcome.TRUNCATED}
    assert CallOutcome.INVALID in {each.outcome for each in completions}
    for each in completions:
        assert each.value is None
        assert each.text
        assert each.validation_error
        quality = quality_of(each)
        assert quality.answers == each.attempts
        assert quality.valid == quality.faults == 0


def test_tokens_are_those_of_the_tokenizer(completion: Completion) -> None:
    """The model has one token per byte, so the first prompt can be counted by hand."""
    first = completion.trail[0].usage
    assert first is not None
    texts = (SYSTEM, PROMPTS[0])
    marks = 2 * len(texts) + 1  # one before and one after each message, and the assistant's
    assert first.input_tokens == sum(map(len, texts)) + marks
    assert 1 <= first.output_tokens <= 96
    assert completion.cost_usd == 0.0


def test_time_and_the_server_s_own_processes_are_measured(completion: Completion) -> None:
    assert completion.latency_s >= sum(attempt.latency_s for attempt in completion.trail) > 0
    resources = completion.resources
    assert resources is not None
    assert resources["cpu_s"] is not None
    assert resources["cpu_s"] > 0
    assert resources["rss_peak_bytes"] is not None
    assert resources["rss_peak_bytes"] > 50 * 2**20, "a process that holds torch"
    assert resources["wall_s"] is not None
    assert resources["wall_s"] >= completion.latency_s, "from before the call until after it"


def test_free_text_is_an_answer(served: Served) -> None:
    with connect(served.name, env={}) as client:
        got = client.complete(Request.ask("Hello.", max_tokens=16))
    assert got.outcome in (CallOutcome.ANSWERED, CallOutcome.TRUNCATED)
    assert got.usage is not None
    assert got.usage.output_tokens <= 16


def test_a_probe_says_that_it_cannot_be_used(served: Served) -> None:
    with connect(served.name, env={}, options=ClientOptions(reasks=0)) as client:
        found = probe(client)
    assert not found.usable
    assert found.mode is AnswerMode.NATIVE


def test_another_model_than_the_server_s_is_refused_with_its_message(served: Served) -> None:
    _, at, url = served.name.partition("@")
    with connect(f"vllm:other-model{at}{url}", env={}, options=ClientOptions(policy=RetryPolicy(total_s=30))) as client:
        got = client.complete(Request.ask("Hello.", max_tokens=4))
    assert got.outcome in (CallOutcome.REJECTED, CallOutcome.UNKNOWN_MODEL)
    assert "pinned to" in got.detail


def test_a_search_with_it_ends_with_what_there_is(served: Served, tmp_path: Path) -> None:
    """The arm gives up and says so, the common start is tried all the same, and the server still runs."""
    client = connect(served.name, env={}, options=ClientOptions(reasks=1))
    search = rehearse(tmp_path, client, trials=4, max_tokens=64)
    assert "gave no usable strategy in 3 calls" in (search.stop_reason or "")
    assert {call.outcome for call in search.calls} <= {CallOutcome.INVALID, CallOutcome.TRUNCATED}
    assert search.winner is not None
    assert search.winner.proposal.proposer == "start"
    assert served.process.poll() is None
