"""An LLM arm whose driver is killed outright at random moments of a search on Ray, and resumed each time.

Every moment there is, one after the other and without Ray: `benchmarks/crash_points`.
"""

import random
import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from llm_clients.request import Request
from llm_clients.scripted.director import Scene
from llm_clients.scripted.script import Script
from llm_clients.scripted.server import ScriptedServer
from tests.cli.alone import search_alone
from tests.cli.cluster import SmallCluster
from tests.cli.launched import Launched, launch, says
from tracking.events import payloads_of
from tracking.payloads import LlmCall, Proposed, TrialEnded, Winner

pytestmark = pytest.mark.slow

SEED = 20261121
KILLS = 2
TRIALS = 7
SMALL = (
    *("--trials", str(TRIALS), "--llm", "gpt-scripted", "--llm-per-call", "2"),
    *("--llm-ahead", "0", "--finetune-workers", "1", "--epochs", "3", "--runs", "runs", "--no-mlflow"),
)
RESUME = ("resume", "latest", "--runs", "runs", "--repair")
IDENTITY = {
    "llm_call": ("call",),
    "proposed": ("trial",),
    "trial_started": ("trial",),
    "rung": ("trial", "rung"),
    "trial_ended": ("trial",),
}
"""The events that this search has once each, and the fields that distinguish them."""


class Server(ScriptedServer):
    """The server of all sessions of a run: improvises the same answer to the same question, and counts questions."""

    def __init__(self) -> None:
        super().__init__(Script(improvise=3))
        self.heard: Counter[str] = Counter()
        next_scene = self.director.next_scene

        def counting(prompt: str, schema: Mapping[str, Any] | None) -> Scene:
            self.heard[prompt] += 1
            return next_scene(prompt, schema)

        self.director.next_scene = counting  # type: ignore[method-assign]

    def launch(self, folder: Path, moment: dict[str, Any], variables: Mapping[str, str], *arguments: str) -> Launched:
        """Launch a run that asks this server, and kill it with SIGKILL at that event of its ledger."""
        run = launch(
            folder,
            *arguments,
            halt_at={"before": False, **moment},
            interrupt_at=says("halted "),
            by=signal.SIGKILL,
            variables={**variables, "OPENAI_API_KEY": "any"},
        )
        assert run.code == -signal.SIGKILL, f"{moment} (seed {SEED}): {run.output}"
        return run


@dataclass(frozen=True)
class Kill:
    """The state when the driver was dead: the calls in its ledger, and the server's count of each question."""

    moment: dict[str, Any]
    calls: tuple[LlmCall, ...]
    heard: Counter[str]


@dataclass(frozen=True)
class Story:
    """A run and its kills.

    Its last session is in this process, and ends as soon as the winner is known: `test_kills.py` tests what follows.
    """

    run: Launched
    kills: list[Kill]
    heard: Counter[str]

    def __str__(self) -> str:
        return f"seed {SEED}, killed at {[kill.moment for kill in self.kills]}"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("undisturbed")
    with Server() as server:
        address = ("--llm-base-url", f"{server.url}/v1")
        return Story(search_alone(folder, *SMALL, *address, OPENAI_API_KEY="any"), [], server.heard)


@pytest.fixture(scope="module")
def killed(undisturbed: Story, shared_cluster: SmallCluster, tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("killed")
    dice, kills = random.Random(SEED), list[Kill]()
    to_come = _moments(undisturbed.run)
    with Server() as server:
        cluster = ("--ray-address", shared_cluster.address, "--workers", "2")
        arguments: tuple[str, ...] = (*SMALL, *cluster, "--llm-base-url", f"{server.url}/v1")
        for _ in range(KILLS):
            # From the first half, so that there is room for later kills.
            moment = {**dice.choice(to_come[: len(to_come) // 2]), "before": dice.random() < 0.5}
            run = server.launch(folder, moment, shared_cluster.variables, *arguments)
            kills.append(Kill(moment, payloads_of(run.events, LlmCall), server.heard.copy()))
            to_come = [moment for moment in to_come if moment not in _moments(run)]
            arguments = RESUME
        return Story(search_alone(folder, *RESUME, OPENAI_API_KEY="any"), kills, server.heard)


def test_no_trial_is_lost_or_repeated(killed: Story) -> None:
    ended = Counter(record.trial for record in payloads_of(killed.run.events, TrialEnded))
    assert ended == Counter(range(TRIALS)), str(killed)


def test_the_proposals_and_the_winner_are_those_of_an_undisturbed_run(undisturbed: Story, killed: Story) -> None:
    expected, events = undisturbed.run.events, killed.run.events
    assert payloads_of(events, Proposed) == payloads_of(expected, Proposed), str(killed)
    assert len(payloads_of(expected, Winner)) == 1, str(undisturbed)
    assert payloads_of(events, Winner) == payloads_of(expected, Winner), str(killed)
    assert killed.run.ends == undisturbed.run.ends, str(killed)


def test_each_call_is_in_the_ledger_once(undisturbed: Story, killed: Story) -> None:
    recorded = [(call.call, call.fingerprint) for call in payloads_of(killed.run.events, LlmCall)]
    expected = [(call.call, call.fingerprint) for call in payloads_of(undisturbed.run.events, LlmCall)]
    assert [number for number, _ in expected] == list(range(len(expected)))
    assert len(expected) >= 2
    assert recorded == expected, str(killed)


def test_a_call_whose_answer_was_recorded_is_never_asked_again(undisturbed: Story, killed: Story) -> None:
    """By the server's own count. Only a call that was in flight at a kill is asked again: its answer is not known."""
    for kill in killed.kills:
        for call in kill.calls:
            assert killed.heard[_question(call)] == kill.heard[_question(call)], str(killed)
    in_flight = Counter(killed.heard)
    for call in payloads_of(killed.run.events, LlmCall):
        in_flight[_question(call)] -= call.attempts
    assert min(in_flight.values()) == 0, str(killed)
    assert len(+in_flight) <= KILLS, str(killed)
    assert sum(undisturbed.heard.values()) == sum(
        call.attempts for call in payloads_of(undisturbed.run.events, LlmCall)
    )


def _moments(run: Launched) -> list[dict[str, Any]]:
    """The events of a run at which it can be halted, in their order."""
    return [
        {"kind": event.kind.value, **{name: getattr(event.payload, name) for name in IDENTITY[event.kind.value]}}
        for event in run.events
        if event.kind.value in IDENTITY
    ]


def _question(call: LlmCall) -> str:
    return Request.from_json(call.request).messages[0].content
