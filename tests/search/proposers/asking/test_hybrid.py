"""The hybrid arm over a real socket: an optimiser's points, kept or overridden by a scripted server."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from llm_clients.registry import connect
from search.control.records import record_of
from search.errors import ConfigError
from search.proposers.asking.calls import CallBook
from search.proposers.asking.hybrid import HybridProposer, read_point_answers
from search.proposers.asking.llm import CallSettings
from search.proposers.asking.old_ledgers import points_from_prompt
from search.proposers.asking.prompt import AnswerError
from search.proposers.cmaes import CMAESProposer
from search.setup.config import make_config
from search.space.history import History
from tests.search import support
from tests.search.proposers.asking.test_llm import Recorder, until
from tracking.events import payloads_of
from tracking.ledger import Ledger
from tracking.payloads import LlmCall

SETS = len(support.space().profile.sets)
OWN = [0.2] + [0.3] * (SETS - 1)


def point_answer(point: int, action: str = "keep", keep: Sequence[float] = ()) -> dict[str, Any]:
    return {
        "point": point,
        "action": action,
        "keep": list(keep),
        "importance": "l1",
        "ranking": "joint",
        "rationale": f"point {point}",
    }


ANSWER = {"points": [point_answer(1, "override", OWN), point_answer(0)]}


@pytest.fixture
def arm(tmp_path: Path) -> Iterator[Any]:
    made: list[HybridProposer] = []

    def make(answers: Sequence[object]) -> tuple[HybridProposer, Recorder]:
        script = tmp_path / "script.json"
        script.write_text(json.dumps({"model": "scripted-test", "answers": list(answers)}))
        recorder = Recorder()
        proposer = HybridProposer(support.space(), connect(f"scripted:{script}"), recorder, CallSettings(per_call=2))
        made.append(proposer)
        return proposer, recorder

    yield make
    for proposer in made:
        proposer.close()


def test_a_point_is_kept_or_overridden_in_the_optimisers_order(arm: Any, tmp_path: Path) -> None:
    proposer, recorder = arm([ANSWER])
    first = until(lambda: proposer.propose(1, History(1)), recorder)
    second = until(lambda: proposer.propose(2, History(1)), recorder)
    points = [CMAESProposer(support.space()).propose(ticket, History(1)).strategy for ticket in (1, 2)]
    assert first.strategy == points[0]
    assert first.rationale == "kept: point 0"
    assert second.strategy.ratios == tuple(OWN)
    assert (second.strategy.importance, second.strategy.ranking.value) == ("l1", "joint")
    assert second.rationale == "overrode: point 1"
    assert first.proposer == f"hybrid:scripted:{tmp_path / 'script.json'}"


def test_the_request_holds_the_points_to_the_last_digit(arm: Any) -> None:
    """So that a ledger which did not record them can still be resumed."""
    proposer, recorder = arm([ANSWER])
    until(lambda: proposer.propose(1, History(1)), recorder)
    _, question, _ = recorder.recorded[0]
    points = tuple(CMAESProposer(support.space()).propose(ticket, History(1)).strategy for ticket in (1, 2))
    assert question.points == points
    assert points_from_prompt(question.request, support.space().round_to) == points


def test_the_next_call_draws_other_points(arm: Any) -> None:
    proposer, recorder = arm([ANSWER])
    until(lambda: proposer.propose(1, History(1)), recorder)
    until(lambda: proposer.propose(2, History(1)), recorder)
    recorder.wait_for(2)
    first, second = (question.points for _, question, _ in recorder.recorded[:2])
    assert first
    assert second
    assert not set(first) & set(second)


@pytest.mark.parametrize("old", [False, True], ids=["recorded", "from before points were recorded"])
def test_what_was_paid_for_is_taken_up_again_with_its_points(arm: Any, tmp_path: Path, old: bool) -> None:
    first, recorder = arm([ANSWER])
    tried = until(lambda: first.propose(1, History(1)), recorder)
    call, question, result = recorder.recorded[0]
    with Ledger.create(tmp_path / "ledger.jsonl") as ledger:
        recorded = dataclasses.replace(question, points=None) if old else question
        CallBook(ledger, support.space()).record(call, recorded, result)
        history = History(1)
        history.add(dataclasses.replace(support.spec(0), proposal=tried))
        ledger.record(record_of(history[0]))
        assert (payloads_of(ledger.events, LlmCall)[0].points is None) is old
        second, silent = arm([ANSWER])
        second.restore(history, ledger.events)
    assert silent.recalled == [result]
    assert second.propose(2, history).strategy.ratios == tuple(OWN)
    assert [call for call, *_ in silent.calls] in ([], [1]), "nothing that was answered is asked again"


def test_recorded_points_count_and_not_the_prompt(arm: Any, tmp_path: Path) -> None:
    first, recorder = arm([{"points": [point_answer(0), point_answer(1)]}])
    until(lambda: first.propose(1, History(1)), recorder)
    call, question, result = recorder.recorded[0]
    points = (support.strategy(0.3), support.strategy(0.4))
    with Ledger.create(tmp_path / "ledger.jsonl") as ledger:
        CallBook(ledger, support.space()).record(call, dataclasses.replace(question, points=points), result)
        second, _ = arm([ANSWER])
        second.restore(History(1), ledger.events)
    assert tuple(second.propose(ticket, History(1)).strategy for ticket in (1, 2)) == points


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([point_answer(0)], "each point from 0 to 1 wants one answer, and answered were 0"),
        ([point_answer(0), point_answer(0)], "answered were 0, 0"),
        ([point_answer(0), point_answer(2)], "answered were 0, 2"),
        ([point_answer(0), point_answer(1, "override", [0.5])], "keep has 1 numbers"),
        ([point_answer(0), point_answer(1, "perhaps")], "does not fit the schema"),
    ],
)
def test_an_answer_that_settles_no_point_is_refused(answers: list[dict[str, Any]], message: str) -> None:
    points = [support.strategy(0.3), support.strategy(0.4)]
    with pytest.raises(AnswerError, match=message):
        read_point_answers({"points": answers}, points, support.space())


def test_it_needs_a_model_and_takes_one() -> None:
    assert make_config({"proposer": "hybrid", "llm": "claude-x"}).arm == "hybrid"
    with pytest.raises(ConfigError, match="--proposer hybrid needs a model"):
        make_config({"proposer": "hybrid"})
    with pytest.raises(ConfigError, match="contradict each other"):
        make_config({"proposer": "cmaes", "llm": "claude-x"})


def test_the_arm_to_switch_to_is_another_classical_one() -> None:
    assert make_config({"switch_to": "knapsack"}).switch_to == "knapsack"
    for wrong in ("rules", "llm", "knapsak"):
        with pytest.raises(ConfigError, match="--switch-to"):
            make_config({"switch_to": wrong})
