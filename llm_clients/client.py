"""The one interface to a language model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self

from llm_clients.request import Completion, Request, Usage

Announcement = Callable[[Usage, float | None], None]
"""Hears the most tokens that one trip to the server can use, and the most US dollars; None where no price is known."""


class LLMClient(ABC):
    """Answers requests. Safe to call from several threads; to be closed when done.

    A client holds sockets and a key, so it is not picklable: connect in the process that calls it.
    """

    @property
    @abstractmethod
    def model(self) -> str:
        """The model as named on the command line."""

    @property
    def endpoint(self) -> str | None:
        """The base URL of the server that answers; None if no server is asked, as in a replay."""
        return None

    @abstractmethod
    def complete(self, request: Request) -> Completion:
        """Send the request, retry where that helps, validate the answer, and return what came of it.

        Faults of the vendor, the network or the answer are outcomes and raise nothing.

        Raises:
            LLMConfigurationError: the request itself contradicts the configuration.
        """

    def announce(self, listener: Announcement) -> None:
        """Let `listener` hear of each request before it goes out over the network, in the thread that makes it.

        A client that sends none, such as one that replays, ignores it.
        """
        return

    def close(self) -> None:
        """Release sockets and end calls that wait, as `cancelled`. May be called twice."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
