"""What calls cost at most: one token for each byte of the prompt, and all tokens of the answer."""

from collections.abc import Iterable
from dataclasses import dataclass

from llm_clients.prices import Price
from llm_clients.request import Request, Usage
from llm_clients.spend_limit import most_usage


@dataclass(frozen=True, slots=True)
class Estimate:
    """An upper bound for some calls.

    Attributes:
        calls: How many.
        usage: Tokens of all together.
        cost_usd: None where no price is known.
    """

    calls: int
    usage: Usage
    cost_usd: float | None


def at_most(requests: Iterable[Request], price: Price | None) -> Estimate:
    """Return the most that calls can use and cost, where each takes one trip.

    Args:
        requests: One for each call.
        price: None if it is not known.
    """
    usages = [most_usage(one.system, one.messages, one.schema, one.max_tokens) for one in requests]
    usage = sum(usages, Usage())
    return Estimate(len(usages), usage, None if price is None else price.cost(usage))
