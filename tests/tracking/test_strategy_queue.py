"""Which strategies wait, and which call a trial came from: held against searches by a scripted LLM."""

import json
from pathlib import Path

from llm_clients.options import ClientOptions
from llm_clients.scripted.client import ScriptedClient
from llm_clients.scripted.script import load_script
from tests.llm_clients.support import LeapingClock
from tests.search.rehearsed import rehearse
from tests.tracking.samples import llm_call, proposed
from tracking.events import payloads_of
from tracking.kinds import DecisionKind
from tracking.payloads import Decision, LlmCall, Proposed
from tracking.strategy_queue import StrategyQueue

REHEARSAL = Path(__file__).resolve().parents[2] / "docs" / "rehearsal.json"


def answered(call: int, strategies: int) -> LlmCall:
    base = llm_call(call)
    assert base.quality is not None
    return base.model_copy(update={"quality": base.quality.model_copy(update={"strategies": strategies})})


def queue_of(*payloads: LlmCall | Proposed | Decision) -> StrategyQueue:
    queue = StrategyQueue()
    for payload in payloads:
        queue.take(payload)
    return queue


def test_every_trial_of_a_search_is_found_in_the_answer_of_its_call(tmp_path: Path) -> None:
    options = ClientOptions(clock=LeapingClock, sample_server=False)
    client = ScriptedClient("scripted:rehearsal", load_script(REHEARSAL), options)
    search = rehearse(tmp_path, client, trials=10, per_call=4)
    queue, calls = StrategyQueue(), {call.call: call for call in search.calls}
    for event in search.events:
        queue.take(event.payload)
    origins = {trial: queue.origin(trial) for trial, *_ in search.proposals}
    assert origins.pop(0) is None, "the common start belongs to no call"
    assert len(origins) == 9
    for trial, _, _, rationale in search.proposals[1:]:
        call = origins[trial]
        assert call is not None
        assert rationale in json.dumps(calls[call].value, ensure_ascii=False)
    decisions = payloads_of(search.events, Decision)
    turned_back = sum(record.decision is DecisionKind.REPEATED for record in decisions)
    said = sum(call.quality.strategies for call in search.calls if call.quality)
    assert queue.waiting == said - 9 - turned_back


def test_first_answered_first_tried() -> None:
    start = proposed(0).model_copy(update={"proposer": "start"})
    back = Decision(decision=DecisionKind.REPEATED, reason="as trial 1")
    queue = queue_of(answered(0, 2), start, proposed(1), answered(1, 3), back, proposed(2))
    assert [queue.origin(trial) for trial in range(4)] == [None, 0, 1, None]
    assert queue.waiting == 2


def test_a_classical_arm_has_none_waiting() -> None:
    queue = queue_of(proposed(0), proposed(1))
    assert (queue.waiting, queue.origin(1)) == (0, None)


def test_an_arm_that_takes_over_leaves_none_waiting() -> None:
    switch = Decision(decision=DecisionKind.SWITCH_ARM, reason="stalled")
    queue = queue_of(answered(0, 3), proposed(1), switch, answered(1, 4), proposed(2))
    assert queue.waiting == 0
    assert [queue.origin(1), queue.origin(2)] == [0, None]


def test_a_ledger_without_counts_does_not_tell() -> None:
    queue = queue_of(llm_call().model_copy(update={"quality": None}), proposed(1), answered(1, 2), proposed(2))
    assert (queue.waiting, queue.origin(1), queue.origin(2)) == (None, None, None)
