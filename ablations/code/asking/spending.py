"""What an LLM was asked and what it cost, in the journal: before a request goes out, and once its answer is there."""

from collections.abc import Iterator, Mapping

from ablations.floor.journal import Facts
from llm_clients.request import Completion
from llm_clients.spend_limit import Hold, SpendLimit, recorded_spending

ASKED, ANSWER, FAULT = "asked", "answer", "fault"
LOST = "lost"
"""The outcome of a request whose answer never arrived, because the study was ended meanwhile."""


def asked_key(component: str, number: int, trip: int) -> str:
    """Return the key of one request that goes out: the most that it can use."""
    return f"{ASKED}/{component}/{number}/{trip}"


def answer_key(component: str, number: int) -> str:
    """Return the key of what came of the call of an attempt."""
    return f"{ANSWER}/{component}/{number}"


def fault_key(component: str, number: int, count: int) -> str:
    """Return the key of a call that no model answered."""
    return f"{FAULT}/{component}/{number}/{count}"


def trips_asked(prepared: Mapping[str, Facts], component: str, number: int) -> int:
    """Return how many requests of an attempt have gone out."""
    return _count(prepared, f"{ASKED}/{component}/{number}/")


def faults_of(prepared: Mapping[str, Facts], component: str, number: int) -> int:
    """Return how many calls of an attempt no model has answered."""
    return _count(prepared, f"{FAULT}/{component}/{number}/")


def trips_heard(prepared: Mapping[str, Facts], component: str, number: int) -> int:
    """Return how many requests of an attempt belong to calls whose outcome is known."""
    front = f"{FAULT}/{component}/{number}/"
    told = [facts for key, facts in prepared.items() if key.startswith(front) or key == answer_key(component, number)]
    return max((int(facts["trips"]) for facts in told), default=0)


def restored_limit(prepared: Mapping[str, Facts], max_cost_usd: float | None) -> SpendLimit:
    """Return the limit with all that earlier sessions have spent; a request whose answer was lost counts in full."""
    calls = [
        Completion.from_json(facts["call"])
        for key, facts in prepared.items()
        if key.partition("/")[0] in (ANSWER, FAULT) and "call" in facts
    ]
    counted, unsettled = recorded_spending(calls)
    lost = list(_lost(prepared))
    held = Hold(
        unsettled.tokens + sum(hold.tokens for hold in lost), unsettled.cost_usd + sum(hold.cost_usd for hold in lost)
    )
    return SpendLimit(
        max_cost_usd=max_cost_usd, spent_usd=counted.cost_usd, spent_tokens=counted.tokens, unsettled=held
    )


def _lost(prepared: Mapping[str, Facts]) -> Iterator[Hold]:
    """Yield the most that each request used whose outcome never became known."""
    for key, facts in prepared.items():
        kind, _, rest = key.partition("/")
        if kind != ASKED:
            continue
        component, number, trip = rest.rsplit("/", 2)
        if int(trip) > _paid_trips(prepared, component, int(number)):
            yield Hold(int(facts["tokens"]), float(facts["cost_usd"] or 0.0))


def _paid_trips(prepared: Mapping[str, Facts], component: str, number: int) -> int:
    """How many requests of an attempt are counted by a call; those of a lost one are not."""
    front = f"{FAULT}/{component}/{number}/"
    told = [
        int(facts["trips"])
        for key, facts in prepared.items()
        if (key.startswith(front) or key == answer_key(component, number)) and "call" in facts
    ]
    return max(told, default=0)


def _count(prepared: Mapping[str, Facts], front: str) -> int:
    return sum(key.startswith(front) for key in prepared)
