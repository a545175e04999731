"""The contract of every LLM client. A subclass supplies `connected`."""

from __future__ import annotations

import json
import pickle
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from llm_clients.client import LLMClient
from llm_clients.kinds import CallOutcome
from llm_clients.request import Completion, Request, call_record
from tests.llm_clients.support import ANSWER, REQUEST

FREE = Request.ask("Say something.")


class LLMClientContract(ABC):
    """The server behind the client answers every question with `ANSWER`, 20 times at least."""

    @abstractmethod
    def connected(self) -> LLMClient: ...

    @pytest.fixture
    def client(self) -> Iterator[LLMClient]:
        with self.connected() as client:
            yield client

    def test_an_answer_is_parsed_and_accounted_for(self, client: LLMClient) -> None:
        completion = client.complete(REQUEST)
        assert completion.outcome is CallOutcome.ANSWERED
        assert completion.value == ANSWER
        assert json.loads(completion.text) == ANSWER
        assert completion.usage is not None
        assert completion.usage.input_tokens > 0
        assert completion.usage.output_tokens > 0
        assert completion.attempts == len(completion.trail) == 1
        assert completion.latency_s >= completion.trail[0].latency_s > 0
        assert completion.stop_reason
        assert completion.scripted

    def test_without_a_schema_the_text_is_the_value(self, client: LLMClient) -> None:
        completion = client.complete(FREE)
        assert completion.outcome is CallOutcome.ANSWERED
        assert completion.value == completion.text == json.dumps(ANSWER)

    def test_threads_may_share_it(self, client: LLMClient) -> None:
        with ThreadPoolExecutor(8) as pool:
            completions = list(pool.map(lambda _: client.complete(REQUEST), range(8)))
        assert [completion.value for completion in completions] == [ANSWER] * 8

    def test_a_completion_survives_the_ledger(self, client: LLMClient) -> None:
        completion = client.complete(REQUEST)
        line = json.dumps({"seq": 7, "kind": "llm_call", "call": 1, **call_record(REQUEST, completion)})
        back = json.loads(line)
        assert Completion.from_json(back) == completion
        assert Request.from_json(back["request"]) == REQUEST
        assert back["fingerprint"] == REQUEST.fingerprint()
        assert back["scripted"] is True

    def test_it_does_not_travel(self, client: LLMClient) -> None:
        with pytest.raises(TypeError):
            pickle.dumps(client)

    def test_it_closes_twice(self) -> None:
        client = self.connected()
        client.close()
        client.close()
