"""Whole searches by a scripted LLM: under faults, replayed, resumed, and on a budget."""

import json
import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest

from llm_clients.kinds import CallOutcome
from llm_clients.options import ClientOptions
from llm_clients.registry import connect
from llm_clients.replay import ReplayMismatchError
from llm_clients.scripted.client import ScriptedClient
from llm_clients.scripted.script import load_script
from llm_clients.spend_limit import SpendLimit
from search.proposers.registry import ASKING
from search.setup.config import RunConfig
from search.setup.preparation import prepare
from search.setup.replaying import recorded_calls
from tests.llm_clients.support import LeapingClock
from tests.search import support
from tests.search.rehearsed import TRIALS, Rehearsed, rehearse
from tracking.events import payloads_of
from tracking.kinds import TrialState
from tracking.payloads import Decision, LlmAsked, LlmCall

FAULTY = Path(__file__).resolve().parents[2] / "docs" / "rehearsal-faults.json"
ANSWERS = [
    {"strategies": [strategy]}
    for answer in json.loads(FAULTY.read_text())["answers"]
    for strategy in answer["strategies"]
]
KEPT = {
    "points": [
        {"point": 0, "action": "keep", "keep": [], "importance": "l2", "ranking": "local", "rationale": "It fits."}
    ]
}
"""The answer to an arm that asks about one of an optimiser's points: keep it."""
PRICE = {"input_per_million": 3.0, "output_per_million": 15.0}


def scripted(folder: Path, *, budget: SpendLimit | None = None, **changes: Any) -> ScriptedClient:
    """The rehearsal that the documentation ships, one strategy per call. Its clock skips every wait."""
    path = folder / "script.json"
    path.write_text(json.dumps({**json.loads(FAULTY.read_text()), "price": PRICE, "answers": ANSWERS, **changes}))
    options = ClientOptions(clock=LeapingClock, sample_server=False, budget=budget)
    return ScriptedClient("scripted:rehearsal", load_script(path), options)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Rehearsed:
    folder = tmp_path_factory.mktemp("clean")
    return rehearse(folder, scripted(folder, random_faults=None))


@pytest.fixture(scope="module")
def folder_of_faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faulty") / "runs" / "20260101-000000-faulty"


@pytest.fixture(scope="module")
def faulty(folder_of_faulty: Path) -> tuple[Rehearsed, dict[str, Any]]:
    """The search under faults, and the totals of its server."""
    folder_of_faulty.mkdir(parents=True)
    client = scripted(folder_of_faulty)
    return rehearse(folder_of_faulty, client), client.server.totals()


def test_faults_change_nothing_of_the_outcome(clean: Rehearsed, faulty: tuple[Rehearsed, dict[str, Any]]) -> None:
    search, totals = faulty
    assert sum(totals["faults"].values()) >= 0.3 * totals["requests"]
    assert len(totals["faults"]) >= 4, "several kinds of fault"
    assert search.proposals == clean.proposals
    assert search.winner is not None
    assert clean.winner is not None
    assert search.winner.allocation == clean.winner.allocation


def test_faults_lose_no_result(clean: Rehearsed, faulty: tuple[Rehearsed, dict[str, Any]]) -> None:
    search, _ = faulty
    assert sorted(ended.trial for ended in search.results) == list(range(TRIALS))
    assert not [ended for ended in search.results if ended.state is TrialState.FAILED]
    assert [call.outcome for call in search.calls] == [CallOutcome.ANSWERED] * len(clean.calls)


def test_every_token_and_dollar_is_counted_as_the_server_counts(faulty: tuple[Rehearsed, dict[str, Any]]) -> None:
    search, totals = faulty
    usages = [call.usage for call in search.calls if call.usage is not None]
    assert sum(call.attempts for call in search.calls) == totals["requests"]
    assert sum(usage.input_tokens for usage in usages) == totals["input_tokens"]
    assert sum(usage.output_tokens for usage in usages) == totals["output_tokens"]
    assert sum(call.cost_usd or 0.0 for call in search.calls) == pytest.approx(totals["cost_usd"], rel=1e-12)
    assert totals["cost_usd"] > 0


def test_each_trip_is_in_the_ledger_before_its_call_is(faulty: tuple[Rehearsed, dict[str, Any]]) -> None:
    """So that a call whose process dies is on the books; see `tests/search/test_books.py`."""
    search, totals = faulty
    asked: list[tuple[int, int, str]] = []
    trips = 0
    for payload in (event.payload for event in search.events):
        if isinstance(payload, LlmAsked):
            asked.append((payload.call, payload.trip, payload.fingerprint))
        elif isinstance(payload, LlmCall):
            expected = [(payload.call, trip, payload.fingerprint) for trip in range(len(payload.trail))]
            assert [told for told in asked if told[0] == payload.call] == expected
            trips += len(expected)
    assert trips == len(asked) == totals["requests"]


def test_quality_is_counted_for_each_answer(faulty: tuple[Rehearsed, dict[str, Any]]) -> None:
    search, totals = faulty
    counted = [call.quality for call in search.calls if call.quality is not None]
    assert len(counted) == len(search.calls)
    spoilt = totals["faults"].get("cut_json", 0), totals["faults"].get("wrong_schema", 0)
    assert (sum(each.parse_errors for each in counted), sum(each.schema_errors for each in counted)) == spoilt
    assert sum(each.answers for each in counted) == totals["answers"]
    assert sum(each.valid for each in counted) == len(search.calls)
    assert sum(each.strategies for each in counted) == TRIALS - 1


@pytest.fixture
def no_sockets(faulty: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """No sockets any more, once the run to be repeated is there."""

    def refuse(*arguments: Any, **options: Any) -> NoReturn:
        raise AssertionError("a replay opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.mark.usefixtures("no_sockets")
@pytest.mark.parametrize("oldest_first", [False, True])
def test_a_replay_proposes_the_same_without_key_or_socket(
    faulty: tuple[Rehearsed, dict[str, Any]], folder_of_faulty: Path, tmp_path: Path, oldest_first: bool
) -> None:
    """Also when its trials end in another order."""
    name = f"replay:{folder_of_faulty.name}"
    recorded = recorded_calls(name, folder_of_faulty.parent, ())
    again = rehearse(tmp_path, connect(name, env={}, recorded=recorded), oldest_first=oldest_first)
    assert again.proposals == faulty[0].proposals
    assert again.winner is not None
    assert faulty[0].winner is not None
    assert again.winner.allocation == faulty[0].winner.allocation
    assert [call.text for call in again.calls] == [call.text for call in faulty[0].calls]
    assert again.failure is None


@pytest.mark.usefixtures("no_sockets")
def test_a_replay_can_be_interrupted_and_resumed(
    faulty: tuple[Rehearsed, dict[str, Any]], folder_of_faulty: Path, tmp_path: Path
) -> None:
    name = f"replay:{folder_of_faulty.name}"
    first = rehearse(
        tmp_path, connect(name, env={}, recorded=recorded_calls(name, folder_of_faulty.parent, ())), stop_at=5
    )
    recorded = recorded_calls(name, folder_of_faulty.parent, first.calls)
    again = rehearse(tmp_path, connect(name, env={}, recorded=recorded))
    assert again.proposals == faulty[0].proposals


def test_another_question_ends_the_replay_as_failed(
    faulty: tuple[Rehearsed, dict[str, Any]], folder_of_faulty: Path, tmp_path: Path
) -> None:
    name = f"replay:{folder_of_faulty.name}"
    recorded = recorded_calls(name, folder_of_faulty.parent, ())
    other = rehearse(tmp_path, connect(name, env={}, recorded=recorded), per_call=2)
    assert isinstance(other.failure, ReplayMismatchError)
    assert "Propose 2" in str(other.failure)
    assert "Propose 1" in str(other.failure)


def test_an_interrupted_search_goes_on_where_it_was(clean: Rehearsed, tmp_path: Path) -> None:
    """The second session starts with the next answer of the same script, as nothing is asked for twice."""
    first = rehearse(tmp_path, scripted(tmp_path, random_faults=None), stop_at=5)
    answered = [call for call in first.calls if call.outcome == CallOutcome.ANSWERED]
    left = ANSWERS[len(answered) :]
    again = rehearse(tmp_path, scripted(tmp_path, random_faults=None, answers=left))
    assert again.proposals == clean.proposals
    fingerprints = [call.fingerprint for call in again.calls if call.outcome == CallOutcome.ANSWERED]
    assert fingerprints == [call.fingerprint for call in clean.calls]


@pytest.mark.parametrize(("arm", "answers"), [("llm", ANSWERS), ("hybrid", [KEPT] * TRIALS)], ids=ASKING)
def test_a_driver_killed_after_any_event_asks_nothing_twice(
    arm: str, answers: list[dict[str, Any]], tmp_path: Path
) -> None:
    """The ledger is cut where kill -9 would cut it, and the search taken up from there.

    A call whose answer was recorded is not asked again; one in flight at the cut is, because nothing is known of it.
    """
    whole = rehearse(tmp_path, scripted(tmp_path, random_faults=None, answers=answers), arm=arm, trials=8)
    assert len(whole.calls) == 7
    for cut in range(1, len(whole.events), 3):
        folder = tmp_path / f"cut-{cut}"
        folder.mkdir()
        with support.ledger_at(folder) as broken:
            for event in whole.events[:cut]:
                broken.record(event.payload)
            recorded = len(payloads_of(broken.events, LlmCall))
        client = scripted(folder, random_faults=None, answers=answers[recorded:])
        again = rehearse(folder, client, arm=arm, trials=8)
        assert (again.proposals, again.winner) == (whole.proposals, whole.winner), f"cut after {cut} events"
        assert sorted(end.trial for end in again.results) == list(range(8)), f"cut after {cut} events"
        assert _asked(again) == _asked(whole), f"cut after {cut} events"
        assert client.server.totals()["requests"] == len(whole.calls) - recorded, f"cut after {cut} events"


def _asked(search: Rehearsed) -> list[tuple[int, str | None]]:
    return [(call.call, call.fingerprint) for call in search.calls]


def test_a_budget_ends_the_arm_and_says_so(tmp_path: Path) -> None:
    cost = 0.08  # a call may use up to 0.07, and uses a tenth of that
    budget = SpendLimit(max_cost_usd=cost)
    search = rehearse(tmp_path, scripted(tmp_path, budget=budget, random_faults=None))
    assert search.calls[-1].outcome == CallOutcome.OVER_BUDGET
    assert sum(call.cost_usd or 0.0 for call in search.calls) <= cost
    assert "--max-cost" in (search.stop_reason or "")
    assert "over_budget" in payloads_of(search.events, Decision)[-1].reason
    assert search.winner is not None, "what was tried counts"
    assert 1 < len(search.results) < TRIALS


def limit_after_a_resume(folder: Path, search: Rehearsed) -> SpendLimit:
    """Return the limit of a client that goes on after the calls of a search."""
    config = RunConfig(llm=f"scripted:{_priced(folder)}", max_cost=9.0, max_tokens_total=10**6)
    client = prepare(config, {}, search.calls).client
    assert isinstance(client, ScriptedClient)
    client.close()
    budget = client._line.options.budget
    assert budget is not None
    return budget


def test_what_a_resumed_run_has_spent_counts(faulty: tuple[Rehearsed, dict[str, Any]], tmp_path: Path) -> None:
    search, totals = faulty
    budget = limit_after_a_resume(tmp_path, search)
    spent = budget.spent()
    assert spent.cost_usd == pytest.approx(totals["cost_usd"])
    assert spent.tokens == totals["input_tokens"] + totals["output_tokens"]
    assert (budget.max_cost_usd, budget.max_tokens) == (9.0, 10**6)


def test_what_nobody_counted_counts_at_its_most_after_a_resume(tmp_path: Path) -> None:
    search = rehearse(tmp_path, scripted(tmp_path, random_faults=None, habits=["no_usage"]), trials=3)
    reserved = sum(trip["reserved_tokens"] for call in search.calls for trip in call.trail)
    assert reserved > 4000 * len(search.calls)
    budget = limit_after_a_resume(tmp_path, search)
    spent = budget.spent()
    assert (spent.tokens, spent.unsettled_tokens) == (0, reserved)
    assert spent.unsettled_usd > 0


def _priced(folder: Path) -> Path:
    path = folder / "priced.json"
    path.write_text(json.dumps({"answers": [1], "price": PRICE}))
    return path


def test_the_space_is_that_of_the_rehearsal() -> None:
    assert {len(entry["keep"]) for answer in ANSWERS for entry in answer["strategies"]} == {
        len(support.space().profile.sets)
    }
