"""From names to models that can be asked."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from ablations.resources.metering.pool import Meters
from ablations.resources.models.model import ModelUnderTest
from ablations.resources.models.named import NamedModel
from llm_clients.options import ClientOptions
from llm_clients.prices import PriceBook
from llm_clients.registry import connect


def connect_models(
    models: Sequence[NamedModel],
    *,
    pids: Mapping[str, int] | None = None,
    meters: Meters | None = None,
    options: ClientOptions | None = None,
    prices: PriceBook | None = None,
    recorded: Iterable[Mapping[str, Any]] | None = None,
) -> dict[str, ModelUnderTest]:
    """Connect to all models, in their order. No call is made. The caller closes them.

    Args:
        models: their names.
        pids: the server's process of each model that has one named.
        meters: None makes new ones, which no other models share.
        options: of all clients, as their shared budget. Their own sampling is turned off: the meters do it.
        prices: None takes the shipped ones.
        recorded: for `replay:RUN`, as `connect` takes it.

    Raises:
        LLMConfigurationError: one of them cannot be connected to; none stays open then.
    """
    pids, meters = pids or {}, meters or Meters()
    options = replace(options or ClientOptions(), sample_server=False)
    found: dict[str, ModelUnderTest] = {}
    with ExitStack() as opened:
        for named in models:
            client = connect(named.llm, options=options, prices=prices, recorded=recorded)
            opened.callback(client.close)
            found[named.name] = ModelUnderTest(named, client, meters.of(client.endpoint, pids.get(named.name)))
        opened.pop_all()
    return found
