"""A limit that cannot be exceeded."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_clients.errors import LLMConfigurationError
from llm_clients.kinds import CallOutcome
from llm_clients.options import ClientOptions
from llm_clients.prices import Price, load_prices
from llm_clients.registry import connect
from llm_clients.remote import RemoteClient
from llm_clients.request import Usage
from llm_clients.retry import WallClock
from llm_clients.scripted.script import FaultName, PerMillion, Script, WireName
from llm_clients.spend_limit import Busy, Hold, Refused, SpendLimit, most_usage
from tests.llm_clients.support import ANSWER, REQUEST, failing, rehearsal

PRICE = Price(1.0, 2.0)
SMALL = replace(REQUEST, max_tokens=200)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.booleans()), max_size=40))
def test_spending_never_passes_the_limit_whatever_the_order(calls: list[tuple[int, int, bool]]) -> None:
    budget = SpendLimit(max_tokens=100, max_cost_usd=1e-4)
    holds: list[tuple[Hold, int]] = []
    for most, really, settle_one in calls:
        hold = budget.reserve(Usage(most, 0), PRICE)
        if isinstance(hold, Hold):
            holds.append((hold, min(really, most)))
        if settle_one and holds:
            first, used = holds.pop(0)
            budget.settle(first, Usage(used, 0), PRICE.cost(Usage(used, 0)))
        spent = budget.spent()
        held = sum(hold.tokens for hold, _ in holds)
        assert spent.tokens + held <= 100
        assert spent.cost_usd <= 1e-4


def test_a_call_that_cannot_fit_is_refused_and_one_that_may_fit_waits() -> None:
    budget = SpendLimit(max_tokens=100)
    assert isinstance(budget.reserve(Usage(101, 0), None), Refused)
    hold = budget.reserve(Usage(60, 0), None)
    assert isinstance(hold, Hold)
    assert isinstance(budget.reserve(Usage(60, 0), None), Busy)
    budget.settle(hold, Usage(10, 0), None)
    assert isinstance(budget.reserve(Usage(60, 0), None), Hold)


def test_what_was_spent_before_counts() -> None:
    budget = SpendLimit(max_cost_usd=1.0, max_tokens=1000, spent_usd=0.9, spent_tokens=100)
    assert isinstance(budget.reserve(Usage(100, 100), Price(0.0, 500.0)), Hold)
    refused = budget.reserve(Usage(100, 900), Price(0.0, 500.0))
    assert isinstance(refused, Refused)
    assert "$0.1000 of --max-cost $1 is left" in refused.reason
    assert "900 of --max-tokens-total 1000 are left" in refused.reason


def test_an_unknown_cost_stays_reserved() -> None:
    budget = SpendLimit(max_tokens=100)
    hold = budget.reserve(Usage(60, 0), None)
    assert isinstance(hold, Hold)
    budget.settle(hold, None, None)
    assert isinstance(budget.reserve(Usage(60, 0), None), Refused)
    assert (budget.spent().tokens, budget.spent().unsettled_tokens) == (0, 60)


@given(st.text(max_size=200), st.integers(1, 5000))
def test_the_reservation_is_an_upper_bound(text: str, max_tokens: int) -> None:
    # a tokenizer that works on bytes makes at most one token per byte
    most = most_usage(text, REQUEST.messages, REQUEST.schema, max_tokens)
    assert most.input_tokens >= len(text.encode()) + len(json.dumps(REQUEST.schema))
    assert most.output_tokens == max_tokens


@pytest.mark.parametrize("limits", [{"max_cost_usd": 0.0}, {"max_tokens": -1}, {"max_cost_usd": float("nan")}])
def test_limits_are_positive(limits: dict[str, float]) -> None:
    with pytest.raises(LLMConfigurationError, match="must be positive"):
        SpendLimit(**limits)  # type: ignore[arg-type]


@pytest.mark.parametrize("wire", WireName)
def test_a_client_stops_before_the_limit_and_says_what_is_left(wire: WireName) -> None:
    budget = SpendLimit(max_tokens=1000)
    with rehearsal(Script(answers=(ANSWER,)), wire, budget=budget) as (client, server):
        completions = [client.complete(SMALL) for _ in range(20)]
        totals = server.totals()
    outcomes = [completion.outcome for completion in completions]
    asked = outcomes.index(CallOutcome.OVER_BUDGET)
    assert outcomes == [CallOutcome.ANSWERED] * asked + [CallOutcome.OVER_BUDGET] * (20 - asked)
    assert 3 <= asked < 20
    assert totals["requests"] == asked
    assert budget.spent().tokens == totals["input_tokens"] + totals["output_tokens"] <= 1000
    assert "--max-tokens-total 1000" in completions[-1].detail


def test_money_is_counted_as_the_server_counts_it() -> None:
    price = PerMillion(input_per_million=3.0, output_per_million=15.0)
    script = failing(FaultName.SERVER_ERROR, FaultName.CUT_JSON, FaultName.WRONG_SCHEMA, price=price)
    budget = SpendLimit(max_cost_usd=1.0)
    options = {"budget": budget, "price": price.price()}
    with rehearsal(script, WireName.ANTHROPIC, **options) as (client, server), ThreadPoolExecutor(4) as pool:
        completions = list(pool.map(lambda _: client.complete(SMALL), range(8)))
        charged = server.totals()["cost_usd"]
    assert all(completion.answered for completion in completions)
    assert sum(completion.cost_usd or 0.0 for completion in completions) == pytest.approx(charged)
    assert budget.spent().cost_usd == pytest.approx(charged)


def test_each_trip_is_told_before_it_is_made_with_the_most_that_it_can_use() -> None:
    """What dies while a server works has told of it: the server has not been asked at that time."""
    told: list[tuple[int, Usage, float | None]] = []
    with rehearsal(failing(FaultName.SERVER_ERROR), WireName.OPENAI, price=PRICE) as (client, server):
        client.announce(lambda most, usd: told.append((server.totals()["requests"], most, usd)))
        completion = client.complete(REQUEST)
    assert completion.answered
    assert [requests for requests, _, _ in told] == [0, 1]
    for _, most, usd in told:
        assert most == most_usage(REQUEST.system, REQUEST.messages, REQUEST.schema, REQUEST.max_tokens)
        assert usd == PRICE.cost(most)


def test_concurrent_calls_wait_for_each_other_instead_of_failing() -> None:
    budget = SpendLimit(max_tokens=1500)
    script = Script(answers=(ANSWER,))
    options = {"budget": budget, "clock": WallClock}  # a leaping clock would leap over the answers of the others
    with rehearsal(script, WireName.OPENAI, **options) as (client, _), ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda _: client.complete(SMALL).outcome, range(6)))
    assert outcomes == [CallOutcome.ANSWERED] * 6


def test_a_timeout_leaves_its_reservation() -> None:
    budget = SpendLimit(max_tokens=10_000)
    with rehearsal(failing(FaultName.HANG), WireName.OPENAI, budget=budget) as (client, _):
        assert client.complete(SMALL).answered
    spent = budget.spent()
    assert spent.unsettled_tokens > SMALL.max_tokens
    assert spent.tokens > 0


def test_a_cost_limit_needs_a_price() -> None:
    options = ClientOptions(budget=SpendLimit(max_cost_usd=5.0))
    env = {"OPENROUTER_API_KEY": "k", "OPENAI_API_KEY": "k"}
    with pytest.raises(LLMConfigurationError) as caught:
        connect("openrouter:meta-llama/llama-3-70b-instruct", env=env, options=options)
    assert "price of 'openrouter:meta-llama/llama-3-70b-instruct' is not known" in str(caught.value)
    assert "--max-tokens-total" in str(caught.value)
    connect("gpt-4", env=env, options=options).close()
    connect("ollama:tiny", env=env, options=options).close()  # on this machine: no bill


def test_shipped_prices_are_dated_and_cover_snapshots() -> None:
    book = load_prices()
    assert book.as_of.year >= 2026
    assert book.sources
    assert book.price("claude-sonnet-4-5-20250929") == book.price("claude-sonnet-4-5") == Price(3.0, 15.0)
    assert book.price("gpt-4o-2024-08-06") == book.price("gpt-4o")
    assert book.price("gpt-4-0613") is None  # never guessed from a similar name
    assert book.price("claude-3-5-sonnet-20241022") == Price(3.0, 15.0)


def test_users_lay_their_own_prices_on_top(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    own = {"input_per_million": 0.3, "output_per_million": 0.4}
    path.write_text(json.dumps({"as_of": "2026-11-20", "models": {"meta-llama/llama-3-70b-instruct": own}}))
    book = load_prices(path)
    assert book.price("gpt-4") == load_prices().price("gpt-4")
    options = ClientOptions(budget=SpendLimit(max_cost_usd=5.0))
    with connect("llama-3-70b", env={"OPENROUTER_API_KEY": "k"}, options=options, prices=book) as client:
        assert isinstance(client, RemoteClient)


@pytest.mark.parametrize("text", [None, "{", '{"as_of": "today", "models": {}}', '{"as_of": "2026-01-01"}'])
def test_a_bad_price_file_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "prices.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(LLMConfigurationError, match=r"prices\.json"):
        load_prices(path)
