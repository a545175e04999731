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
        """The model as asked for, in the words of the command line."""

    @abstractmethod
    def complete(self, request: Request) -> Completion:
        """Ask, try again where that helps, validate, and say what came of it.

        Never raises for a fault of the vendor, the network or the answer: those are outcomes.
        Raises LLMConfigurationError when the request itself contradicts the configuration.
        """

    def close(self) -> None:
        """Release sockets and wake calls that wait; they end as `cancelled`. May be called twice."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
