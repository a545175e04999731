"""A limit on money and tokens that cannot be exceeded: each call reserves an upper bound, and is settled after it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from llm_clients.errors import LLMConfigurationError
from llm_clients.prices import Price
from llm_clients.request import Completion, Json, Message, Usage


@dataclass(frozen=True, slots=True)
class Hold:
    """The most that a call in flight can use."""

    tokens: int
    cost_usd: float


@dataclass(frozen=True, slots=True)
class Busy:
    """The call may fit once the calls in flight have used less than they hold, so it is worth waiting."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The call does not fit, whatever the others use."""

    reason: str


@dataclass(frozen=True, slots=True)
class Spent:
    """What has been used of the limits.

    Attributes:
        tokens: as the servers counted them.
        cost_usd: at the prices known.
        unsettled_tokens: the most that trips without an answer may have used. After a read timeout the server may have
            worked to the end.
        unsettled_usd: the most that such trips may have cost. Both count against the limits, but not as spent.
    """

    tokens: int
    cost_usd: float
    unsettled_tokens: int
    unsettled_usd: float


class SpendLimit:
    """Shared by any number of clients and threads.

    A reservation is an upper bound: one token for each byte of the prompt (tokenizers of these vendors work on bytes),
    a margin for the vendor's own framing, and all of `max_tokens`.
    """

    def __init__(
        self,
        *,
        max_cost_usd: float | None = None,
        max_tokens: int | None = None,
        spent_usd: float = 0.0,
        spent_tokens: int = 0,
        unsettled: Hold | None = None,
    ) -> None:
        """Set the limits; None sets none.

        Args:
            max_cost_usd: the most to spend.
            max_tokens: the most tokens to use, input and output together.
            spent_usd: what earlier sessions of the same run have spent.
            spent_tokens: what earlier sessions of the same run have used.
            unsettled: the most that trips of earlier sessions may have used, where nobody counted.

        Raises:
            LLMConfigurationError: a limit is not positive.
        """
        for name, limit in (("--max-cost", max_cost_usd), ("--max-tokens-total", max_tokens)):
            if limit is not None and not limit > 0:
                raise LLMConfigurationError(f"{name} must be positive, not {limit}")
        self.max_cost_usd = max_cost_usd
        self.max_tokens = max_tokens
        self._lock = threading.Lock()
        self._holds: list[Hold] = []
        self._tokens = spent_tokens
        self._cost = spent_usd
        self._unsettled: list[Hold] = [] if unsettled is None else [unsettled]

    def require_price(self, model: str, price: Price | None) -> None:
        """Check that a cost limit can be kept.

        Raises:
            LLMConfigurationError: there is a cost limit, and the model's price is not known.
        """
        if self.max_cost_usd is not None and price is None:
            raise LLMConfigurationError(
                f"--max-cost {self.max_cost_usd:g} cannot be kept: the price of {model!r} is not known. Give it in a "
                "price file of your own, or limit tokens with --max-tokens-total instead."
            )

    def reserve(self, usage: Usage, price: Price | None) -> Hold | Busy | Refused:
        """Reserve the most that a call can use."""
        hold = Hold(usage.total, 0.0 if price is None else price.cost(usage))
        with self._lock:
            if not self._fits(hold, self._settled()):
                return Refused(self._describe_refusal(hold))
            if not self._fits(hold, _sum([self._settled(), *self._holds])):
                return Busy()
            self._holds.append(hold)
            return hold

    def settle(self, hold: Hold, usage: Usage | None, cost_usd: float | None) -> None:
        """Replace a hold by what was used. What is not known stays held, as unsettled.

        Args:
            hold: the reservation of the call.
            usage: as the server counted it; None if the call may have used tokens that nobody counted.
            cost_usd: None if not known.
        """
        unknown = Hold(hold.tokens if usage is None else 0, hold.cost_usd if cost_usd is None else 0.0)
        with self._lock:
            self._holds.remove(hold)
            self._unsettled.append(unknown)
            self._tokens += 0 if usage is None else usage.total
            self._cost += cost_usd or 0.0

    def spent(self) -> Spent:
        """What has been used so far."""
        with self._lock:
            unsettled = _sum(self._unsettled)
            return Spent(self._tokens, self._cost, unsettled.tokens, unsettled.cost_usd)

    def _settled(self) -> Hold:
        return _sum([Hold(self._tokens, self._cost), *self._unsettled])

    def _fits(self, hold: Hold, used: Hold) -> bool:
        tokens_fit = self.max_tokens is None or used.tokens + hold.tokens <= self.max_tokens
        return tokens_fit and (self.max_cost_usd is None or used.cost_usd + hold.cost_usd <= self.max_cost_usd)

    def _describe_refusal(self, hold: Hold) -> str:
        used = self._settled()
        limits = []
        if self.max_cost_usd is not None:
            left = max(self.max_cost_usd - used.cost_usd, 0.0)
            limits.append(f"up to ${hold.cost_usd:.4f}, and ${left:.4f} of --max-cost ${self.max_cost_usd:g} is left")
        if self.max_tokens is not None:
            left_tokens = max(self.max_tokens - used.tokens, 0)
            limits.append(
                f"up to {hold.tokens} tokens, and {left_tokens} of --max-tokens-total {self.max_tokens} are left"
            )
        return f"not asked: the call could use {'; '.join(limits)}"


def recorded_spending(calls: Iterable[Completion]) -> tuple[Hold, Hold]:
    """What recorded calls have used, and the most that those of their trips may have used which nobody counted."""
    counted, reserved = [Hold(0, 0.0)], [Hold(0, 0.0)]
    for call in calls:
        trips = call.trail
        tokens = [trip.usage.total for trip in trips if trip.usage] if call.usage is None else [call.usage.total]
        costs = [trip.cost_usd or 0.0 for trip in trips] if call.cost_usd is None else [call.cost_usd]
        counted.append(Hold(sum(tokens), sum(costs)))
        reserved += [Hold(trip.reserved_tokens or 0, trip.reserved_usd or 0.0) for trip in trips]
    return _sum(counted), _sum(reserved)


def most_usage(system: str, messages: tuple[Message, ...], schema: Mapping[str, Json] | None, max_tokens: int) -> Usage:
    """An upper bound of the tokens of one trip."""
    texts = [system, *(message.content for message in messages), "" if schema is None else json.dumps(schema)]
    read = sum(len(text.encode()) for text in texts) + _FRAME * (len(texts) + 1)
    return Usage(read, max_tokens)


_FRAME = 64  # tokens that a vendor's template may put around a message; a tool's preamble is a few hundred at most


def _sum(holds: list[Hold]) -> Hold:
    return Hold(sum(hold.tokens for hold in holds), sum(hold.cost_usd for hold in holds))
