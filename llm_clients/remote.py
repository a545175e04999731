"""The client for every server, real or scripted."""

from __future__ import annotations

import logging
import random
from dataclasses import replace
from typing import NoReturn

from llm_clients.client import Announcement, LLMClient
from llm_clients.exchange import Exchange
from llm_clients.limiter import AdaptiveLimiter
from llm_clients.line import Line
from llm_clients.options import ClientOptions
from llm_clients.redaction import redact
from llm_clients.request import Completion, Request
from llm_clients.resources import ServerProcesses, local_server
from llm_clients.retry import RetryPolicy
from llm_clients.servers import is_local
from llm_clients.validation import check_schema
from llm_clients.vendors.base import Vendor

_log = logging.getLogger(__name__)


class RemoteClient(LLMClient):
    """Calls one vendor with the given options."""

    def __init__(self, name: str, vendor: Vendor, options: ClientOptions) -> None:
        """Create the client.

        Raises:
            LLMConfigurationError: there is a cost limit, and the model's price is not known.
        """
        self._name = redact(name)  # a URL in it may hold a password
        if options.budget is not None:
            options.budget.require_price(self._name, options.price)
        self.vendor = vendor
        self._line = Line(
            vendor=vendor,
            options=options,
            policy=options.policy
            or RetryPolicy.standard(
                local=is_local(vendor.endpoint), timeout_s=options.timeout_s, attempts=options.attempts
            ),
            limiter=options.limiter or AdaptiveLimiter(),
            clock=options.clock(),
            price=options.price,
            dice=random.Random(),  # noqa: S311 - spreads sleeps; no result depends on it
            mode=vendor.modes[0],
            takes_temperature=vendor.takes_temperature,
        )

    @property
    def model(self) -> str:
        """The model as named on the command line, without a password."""
        return self._name

    @property
    def endpoint(self) -> str:
        """The base URL of its server."""
        return self.vendor.endpoint

    def complete(self, request: Request) -> Completion:
        """Make one call, and measure a local server's processes during it."""
        if request.schema is not None:
            check_schema(request.schema)
        with self._processes().sampled() as sample:
            completion = Exchange(self._line, request).run()
        completion = replace(completion, resources=sample.result())
        _log.info("%s: %s after %d attempts", self._name, completion.outcome, completion.attempts)
        return completion

    def announce(self, listener: Announcement) -> None:
        """Let `listener` hear of each trip before it is made."""
        self._line.announce = listener

    def close(self) -> None:
        """End waits and trips in flight, and release sockets."""
        self._line.clock.close()
        self.vendor.close()

    def _processes(self) -> ServerProcesses:
        return local_server(self.vendor.endpoint if self._line.options.sample_server else None)

    def __reduce__(self) -> NoReturn:
        raise TypeError("an LLM client cannot be pickled: connect to the model in the process that calls it")
