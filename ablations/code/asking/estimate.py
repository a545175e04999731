"""What calls cost at most: one token for each byte of the prompt, and all tokens of the answer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ablations.code.asking.prompts import LARGEST_FAILURE, patch_call
from ablations.code.source.annotations import Component
from ablations.code.source.documents import Documents
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


def patches_at_most(
    documents: Documents, components: Sequence[Component], *, attempts: int, max_tokens: int, price: Price | None
) -> Estimate:
    """Return the most that the patches of all components can use and cost, if every attempt is made.

    Args:
        documents: All of them.
        components: Those that patches are asked for.
        attempts: Of each component. A later one shows the model its earlier answers and what was wrong with them.
        max_tokens: Of an answer.
        price: None if it is not known.
    """
    requests = (
        patch_call(documents, component, failures=[LARGEST_FAILURE] * earlier, max_tokens=max_tokens)
        for component in components
        for earlier in range(attempts)
    )
    return at_most(requests, price)
