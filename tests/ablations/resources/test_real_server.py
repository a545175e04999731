"""A real model behind a real server, in a process of its own: what is metered agrees with the kernel's accounts.

CPU seconds are compared with CPU seconds, and each call works for a large part of one, so that neither a busy core nor
the kernel's hundredths of a second decide.
"""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ablations.resources.metering.readings import Readings
from ablations.resources.models.asked import Asked
from ablations.resources.models.connecting import connect_models
from ablations.resources.models.model import ModelUnderTest
from ablations.resources.models.named import named_models
from llm_clients.kinds import CallOutcome

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
PROMPT = "Write a function that adds two numbers."
TOKENS = 96
WITHIN = 0.10
PAGES = 0.01
"""The kernel counts pages per CPU and adds them up in batches, so that its present figure may pass its own peak."""


@dataclass(frozen=True)
class Served:
    """The server's process and address."""

    pid: int
    url: str

    def cpu_s(self) -> float:
        """CPU seconds so far, read here from /proc and by nothing that is tested; the server has no children."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    def answer(self, path: str, body: Any = None) -> tuple[int, str]:
        """Status and content of a request without a client of ours."""
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, data)) as response:  # noqa: S310
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    process = subprocess.Popen(
        [sys.executable, "-m", "ablations.resources.local_server"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = json.loads(process.stdout.readline())
    assert (said["pid"], said["weights"], said["models"]) == (process.pid, "random", ["large-random", "small-random"])
    yield Served(process.pid, said["url"])
    process.terminate()
    assert process.wait() == 0


@pytest.fixture(scope="module")
def models(served: Served) -> Iterator[dict[str, ModelUnderTest]]:
    """The large one is loaded before anything is measured."""
    found = connect_models(
        named_models(large=f"ollama:large-random@{served.url}", small=f"ollama:small-random@{served.url}")
    )
    found["large"].ask(PROMPT, max_tokens=1, temperature=0)
    yield found
    for model in found.values():
        model.close()


@dataclass(frozen=True)
class Call:
    """A call as it looks from outside."""

    asked: Asked
    began_s: float
    ended_s: float
    cpu_s: float

    @property
    def readings(self) -> Readings:
        return self.asked.readings


def make(model: ModelUnderTest, served: Served) -> Call:
    cpu_s, began_s = served.cpu_s(), time.monotonic()
    asked = model.ask(PROMPT, max_tokens=TOKENS, temperature=0)
    call = Call(asked, began_s, time.monotonic(), served.cpu_s() - cpu_s)
    assert asked.usage is not None
    assert asked.usage.output_tokens == TOKENS, "the calls are all of one size"
    return call


@pytest.fixture(scope="module")
def calls(models: dict[str, ModelUnderTest], served: Served) -> list[Call]:
    return [make(models["large"], served) for _ in range(2)]


@pytest.fixture(scope="module")
def at_once(models: dict[str, ModelUnderTest], served: Served) -> tuple[list[Call], Readings, float]:
    """Three calls under way at once, what was read of all together, and CPU seconds as they look from outside."""
    gate = threading.Barrier(3)
    found: list[Call] = []

    def run() -> None:
        gate.wait()
        found.append(make(models["large"], served))

    threads = [threading.Thread(target=run) for _ in range(3)]
    cpu_s = served.cpu_s()
    with models["large"].meter.batch() as batch:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return found, batch.readings, served.cpu_s() - cpu_s


def inside(call: Call) -> bool:
    """Whether all samples were taken between the moments before and after the call."""
    series = call.readings.series
    assert series.began_s is not None
    return call.began_s <= series.began_s and series.began_s + series.at_s[-1] <= call.ended_s


def test_samples_lie_inside_the_call_and_agree_with_the_kernel(calls: list[Call]) -> None:
    for call in calls:
        checks, series = call.readings.checks, call.readings.series
        assert inside(call)
        assert series.taken >= 5
        assert list(series.at_s) == sorted(series.at_s)
        assert list(series.cpu_s) == sorted(series.cpu_s)
        assert call.cpu_s >= 0.2, "enough that hundredths of a second do not matter"
        assert series.cpu_s[-1] == call.readings.cpu.value
        assert call.readings.cpu.value == pytest.approx(call.cpu_s, rel=WITHIN)
        assert checks.stat_cpu.value == pytest.approx(call.cpu_s, rel=WITHIN)
        assert (checks.difference(checks.stat_cpu) or 0) <= WITHIN
        assert (call.readings.shared, call.readings.overlapping) == (False, 1)


def test_memory_is_what_the_kernel_says(calls: list[Call], served: Served) -> None:
    status = Path(f"/proc/{served.pid}/status").read_text().splitlines()
    (peak,) = (int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    for call in calls:
        mean, highest = call.readings.memory_mean.value or 0, call.readings.memory_peak.value or 0
        assert 0.5 * peak < mean <= highest <= (1 + PAGES) * peak


def test_calls_at_once_are_marked_and_their_cpu_belongs_to_the_batch(
    at_once: tuple[list[Call], Readings, float],
) -> None:
    found, batch, cpu_s = at_once
    for call in found:
        checks = call.readings.checks
        assert inside(call)
        assert call.readings.shared
        assert call.readings.overlapping in (2, 3)
        assert (call.readings.cpu.value, call.readings.cpu_mean.value) == (None, None)
        assert (checks.difference(checks.stat_cpu) or 0) <= WITHIN, "the server's series is true all the same"
    assert batch.overlapping == 3
    assert batch.cpu.value == pytest.approx(cpu_s, rel=WITHIN)


def test_the_servers_nanoseconds_fit_the_call(calls: list[Call]) -> None:
    for call in calls:
        times = {name: quantity.value or 0 for name, quantity in call.asked.timings}
        assert min(times.values()) > 0
        assert times["load"] + times["prompt_eval"] + times["eval"] <= times["total"] <= call.ended_s - call.began_s
        assert times["output_rate"] == pytest.approx(TOKENS / times["eval"])
        assert call.asked.usage is not None
        assert call.asked.usage.input_tokens == len(PROMPT), "one token per byte"
        assert call.asked.cost_usd == 0.0


def test_it_lists_its_models_and_those_in_memory(models: dict[str, ModelUnderTest], served: Served) -> None:
    status, tags = served.answer("/api/tags")
    loaded = json.loads(served.answer("/api/ps")[1])["models"]
    assert (status, [each["name"] for each in json.loads(tags)["models"]]) == (200, ["large-random", "small-random"])
    assert [each["name"] for each in loaded] == ["large-random"]
    assert loaded[0]["details"]["weights"] == "random"


def test_generate_and_chat_write_the_same_and_a_stream_ends_with_the_counts(
    models: dict[str, ModelUnderTest], served: Served
) -> None:
    asked = {"model": "large-random", "options": {"temperature": 0, "num_predict": 4}, "prompt": PROMPT}
    plain = json.loads(served.answer("/api/generate", {**asked, "stream": False})[1])
    piece, end = map(json.loads, served.answer("/api/generate", asked)[1].splitlines())
    chat = models["large"].ask(PROMPT, max_tokens=4, temperature=0)
    assert plain["response"] == piece["response"] == chat.text != ""
    assert (piece["done"], end["done"], end["response"], end["done_reason"]) == (False, True, "", "length")
    assert (end["eval_count"], plain["prompt_eval_count"]) == (4, len(PROMPT))


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("/api/chat", {"model": "codellama", "messages": []}, 404, "model 'codellama' not found"),
        ("/api/chat", {"messages": []}, 400, "model: Field required"),
        ("/api/chat", {"model": "large-random", "format": "json"}, 400, "free text only"),
        ("/api/generate", {"model": "large-random", "options": {"temperature": -1}}, 400, "options.temperature"),
        ("/api/pull", {}, 404, "/api/pull is not here"),
        ("/v1/models", None, 404, "/v1/models is not here"),
    ],
)
def test_what_it_cannot_do_is_said(served: Served, path: str, body: Any, status: int, says: str) -> None:
    got, content = served.answer(path, body)
    assert got == status
    assert says in json.loads(content)["error"]


def test_a_model_that_is_not_there_is_an_outcome(served: Served) -> None:
    (model,) = connect_models(named_models(f"x=ollama:codellama@{served.url}")).values()
    with model:
        asked = model.ask(PROMPT)
    assert (asked.outcome, asked.text) == (CallOutcome.UNKNOWN_MODEL, "")
    assert "'codellama' not found" in asked.detail
