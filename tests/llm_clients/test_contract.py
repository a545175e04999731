"""The contract, for every client."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from llm_clients.client import LLMClient
from llm_clients.kinds import CallOutcome
from llm_clients.options import ClientOptions
from llm_clients.registry import connect
from llm_clients.remote import RemoteClient
from llm_clients.replay import ReplayClient
from llm_clients.request import call_record
from llm_clients.scripted.client import ScriptedClient, scripted_vendor
from llm_clients.scripted.script import FaultName, Script, Step, WireName
from llm_clients.scripted.server import ScriptedServer
from tests.llm_clients.contract import FREE, LLMClientContract
from tests.llm_clients.support import ANSWER, REQUEST, rehearsal

QUIET = ClientOptions(sample_server=False)


class _Scripted(LLMClientContract):
    wire: WireName

    def connected(self) -> LLMClient:
        return ScriptedClient("scripted:contract", Script(wire=self.wire, answers=(ANSWER,)), QUIET)


class TestAnthropic(_Scripted):
    wire = WireName.ANTHROPIC


class TestOpenAI(_Scripted):
    wire = WireName.OPENAI


class TestOpenRouter(_Scripted):
    wire = WireName.OPENROUTER


class TestOllama(_Scripted):
    wire = WireName.OLLAMA


class TestVLLM(_Scripted):
    wire = WireName.VLLM


class TestByName(LLMClientContract):
    @pytest.fixture(autouse=True)
    def _script(self, tmp_path: Path) -> None:
        self.path = tmp_path / "script.json"
        self.path.write_text(Script(answers=(ANSWER,)).model_dump_json())

    def connected(self) -> LLMClient:
        return connect(f"scripted:{self.path}", env={})


class TestReplay(LLMClientContract):
    def connected(self) -> LLMClient:
        with ScriptedClient("scripted:contract", Script(answers=(ANSWER,)), QUIET) as client:
            asked = [REQUEST, FREE] * 10
            recorded = [call_record(request, client.complete(request)) for request in asked]
        return ReplayClient("replay:contract", recorded)


@pytest.mark.parametrize("wire", WireName)
def test_closing_ends_a_call_that_hangs(wire: WireName) -> None:
    script = Script(calls=(Step(fault=FaultName.HANG),), hang_s=60.0)
    outcomes: list[CallOutcome] = []
    with ScriptedServer(script) as server:
        client = RemoteClient("hanging", scripted_vendor(script, server.url, wire), QUIET)
        caller = threading.Thread(target=lambda: outcomes.append(client.complete(REQUEST).outcome))
        caller.start()
        while not server.totals()["requests"]:
            caller.join(0.01)
        client.close()
        caller.join()
        assert outcomes == [CallOutcome.CANCELLED]  # while the server still hangs


def test_a_closed_client_asks_nothing() -> None:
    with rehearsal(Script(answers=(ANSWER,)), WireName.OPENAI) as (client, server):
        client.close()
        completion = client.complete(REQUEST)
        assert completion.outcome is CallOutcome.CANCELLED
        assert server.totals()["requests"] == 0
