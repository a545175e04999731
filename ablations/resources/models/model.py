"""One model under test: asked for free text, metered while it answers."""

import time
from typing import Self

from ablations.resources.metering.meter import Meter
from ablations.resources.models.asked import Asked, ServerTimings
from ablations.resources.models.named import NamedModel
from llm_clients.client import Announcement, LLMClient
from llm_clients.request import Completion, Request
from llm_clients.thoughts import without_thoughts

MAX_TOKENS = 1024


class ModelUnderTest:
    """A model with its client and the meter of its server. Safe to use from several threads; to be closed when done."""

    def __init__(self, named: NamedModel, client: LLMClient, meter: Meter) -> None:
        self.named = named
        self.meter = meter
        self._client = client

    @property
    def name(self) -> str:
        """Its name in this study."""
        return self.named.name

    def ask(
        self, prompt: str, *, system: str = "", temperature: float | None = None, max_tokens: int = MAX_TOKENS
    ) -> Asked:
        """Make one call. What goes wrong is its outcome, and raises nothing.

        Args:
            prompt: the user's message.
            system: instructions; may be empty.
            temperature: sent where the model takes one; otherwise `Asked.not_taken` says so. None leaves it to the
                server.
            max_tokens: limit of output tokens, reasoning included.
        """
        request = Request.ask(prompt, system=system, temperature=temperature, max_tokens=max_tokens)
        started, began_s = time.time(), time.monotonic()
        with self.meter.call() as interval:
            completion = self._client.complete(request)
        ended = started + time.monotonic() - began_s
        return Asked(
            model=self.name,
            text=_text(completion),
            outcome=completion.outcome,
            detail=completion.detail,
            served_by=completion.model,
            usage=completion.usage,
            cost_usd=completion.cost_usd,
            trips=completion.attempts,
            not_taken=completion.not_sent,
            timings=ServerTimings.of(completion.durations_s, completion.usage),
            readings=interval.readings,
            started=started,
            ended=ended,
        )

    def announce(self, listener: Announcement) -> None:
        """Let `listener` hear of each trip before it is made, as `LLMClient.announce` does."""
        self._client.announce(listener)

    def close(self) -> None:
        """Close the client. May be called twice."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _text(completion: Completion) -> str:
    return str(completion.value) if completion.answered else without_thoughts(completion.text).answer
