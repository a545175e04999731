"""The one interface to a language model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

from llm_clients.request import Completion, Request


class LLMClient(ABC):
    """Answers requests. Safe to call from several threads; to be closed when done.

    A client holds sockets and a key, so it is not picklable: connect in the process that calls it.
    """

    @property
    @abstractmethod
    def model(self) -> str:
        """The model as named on the command line."""

    @abstractmethod
    def complete(self, request: Request) -> Completion:
        """Send the request, retry where that helps, validate the answer, and return what came of it.

        Faults of the vendor, the network or the answer are outcomes and raise nothing.

        Raises:
            LLMConfigurationError: the request itself contradicts the configuration.
        """

    def close(self) -> None:
        """Release sockets and end calls that wait, as `cancelled`. May be called twice."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
