"""`replay:RUN`: the completions of a recorded run again, without a key and without a socket."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping

from llm_clients.client import LLMClient
from llm_clients.errors import LLMConfigurationError
from llm_clients.request import Completion, Json, Request


class ReplayMismatchError(LLMConfigurationError):
    """The run makes a call that the recorded run did not make, so it is no longer the same run."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(name, what)
        self.name = name
        self.what = what

    def __str__(self) -> str:
        return (
            f"{self.name!r} cannot go on: {self.what}. A replay needs the model, data, target, seed and version that "
            "the run was recorded with; to ask again, name a model instead."
        )


class ReplayClient(LLMClient):
    """Gives each request the completion that was recorded for the same request.

    Requests are matched by fingerprint and not by position, so calls may run at the same time. The n-th call with a
    prompt gets the n-th completion recorded for it.
    """

    def __init__(self, name: str, recorded: Iterable[Mapping[str, Json]]) -> None:
        """Read the recorded calls.

        Args:
            name: the model as named on the command line.
            recorded: payloads of `llm_call` events, as `call_record` makes them.

        Raises:
            LLMConfigurationError: there is no recorded call, or one that cannot be read.
        """
        self._name = name
        self._lock = threading.Lock()
        self._left: dict[str, deque[Completion]] = defaultdict(deque)
        self._requests: list[Request] = []
        for number, payload in enumerate(recorded, start=1):
            request, completion = _read(name, number, payload)
            self._left[request.fingerprint()].append(completion)
            self._requests.append(request)
        if not self._requests:
            raise LLMConfigurationError(f"{name!r} has no recorded LLM calls: that run was proposed without an LLM")

    @property
    def model(self) -> str:
        """The model as named on the command line."""
        return self._name

    @property
    def left(self) -> int:
        """How many recorded calls have not been asked for yet."""
        with self._lock:
            return sum(len(completions) for completions in self._left.values())

    def complete(self, request: Request) -> Completion:
        """The recorded completion of this request.

        Raises:
            ReplayMismatchError: the recorded run did not make this request, or not as often.
        """
        with self._lock:
            completions = self._left.get(request.fingerprint())
            if completions:
                return completions.popleft()
        known = completions is not None
        raise ReplayMismatchError(self._name, _repeated(request) if known else self._difference(request))

    def _difference(self, request: Request) -> str:
        """Where the request first differs from the recorded one with which it has the longest common beginning."""
        agreed, recorded = max(
            ((_agreement(request, other), other) for other in self._requests), key=lambda two: two[0]
        )
        new, old = _flat(request), _flat(recorded)
        start = max(agreed - _CONTEXT, 0)
        return f"the prompt is now …{new[start : agreed + _CONTEXT]!r}, and was …{old[start : agreed + _CONTEXT]!r}"


_CONTEXT = 60  # characters shown on either side of the first difference


def _read(name: str, number: int, payload: Mapping[str, Json]) -> tuple[Request, Completion]:
    try:
        return Request.from_json(payload["request"]), Completion.from_json(payload)
    except (KeyError, TypeError, ValueError) as error:
        raise LLMConfigurationError(f"{name!r}: recorded call {number} cannot be read: {error!r}") from None


def _repeated(request: Request) -> str:
    asked = request.messages[-1].content[:_CONTEXT] if request.messages else ""
    return f"a prompt is asked more often than it was recorded: …{asked!r}"


def _flat(request: Request) -> str:
    payload = request.to_json()
    texts = [str(payload["system"]), *(str(message["content"]) for message in payload["messages"])]
    return "\n".join([*texts, *(f"{key}={payload[key]}" for key in ("schema", "max_tokens", "temperature", "reword"))])


def _agreement(request: Request, other: Request) -> int:
    """The length of the common beginning."""
    new, old = _flat(request), _flat(other)
    return next((i for i, (a, b) in enumerate(zip(new, old, strict=False)) if a != b), min(len(new), len(old)))
