"""The options of a client: retries, limits and measurements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llm_clients.limiter import AdaptiveLimiter
from llm_clients.prices import Price
from llm_clients.retry import Clock, RetryPolicy, WallClock
from llm_clients.spend_limit import SpendLimit


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """The options for every call of a client.

    Attributes:
        policy: when to try again; None takes the one for a server that is where this one is.
        attempts: how many trips in a row may fail, where there is no policy; None takes the policy's own number.
        timeout_s: how long to wait for one answer, where there is no policy; None takes the policy's own time.
        plain_http: whether a key may be sent to another machine over plain HTTP.
        reasks: how often an invalid answer is sent back with the validator's message.
        budget: shared by all clients that spend from it; None sets no limit.
        price: the model's; None looks it up in the price file.
        limiter: shared by the callers of one endpoint; None takes the endpoint's own.
        sample_server: measure the server's processes during calls when it runs on this machine.
        clock: creates the clock of each client.
    """

    policy: RetryPolicy | None = None
    attempts: int | None = None
    timeout_s: float | None = None
    plain_http: bool = False
    reasks: int = 2
    budget: SpendLimit | None = None
    price: Price | None = None
    limiter: AdaptiveLimiter | None = None
    sample_server: bool = True
    clock: Callable[[], Clock] = WallClock
