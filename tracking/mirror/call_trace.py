"""Translates an LLM call to a trace: one span for the call, and one child span per trip to the server."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from tracking.mirror.assessing import ANSWERED, of_answer
from tracking.mirror.operations import Span, Trace
from tracking.mirror.prompt_template import prompt_of
from tracking.payloads import LlmCall


def trace_of(call: LlmCall, ended: datetime, run_id: str, arm: str = "llm") -> Trace:
    """Build the trace of a call.

    Args:
        call: The recorded call. It was redacted before it was written to the ledger.
        ended: The time of its event, which is the end of the call.
        run_id: The id of the run.
        arm: Who asked.
    """
    end_ns = round(ended.timestamp() * 1e6) * 1000
    start_ns = end_ns - _ns(call.latency_s)
    attributes = {
        "espalier.outcome": call.outcome,
        "espalier.attempts": call.attempts,
        "espalier.mode": call.mode,
        "espalier.stop_reason": call.stop_reason,
        "espalier.scripted": call.scripted,
        "espalier.quality": None if call.quality is None else call.quality.model_dump(mode="json"),
        "espalier.resources": call.resources,
    }
    root = Span(
        name=f"call {call.call}",
        kind="CHAT_MODEL",
        start_ns=start_ns,
        end_ns=end_ns,
        inputs=call.request,
        outputs=call.text if call.value is None else call.value,
        error=None if call.outcome == ANSWERED else f"{call.outcome}: {call.detail or call.validation_error or ''}",
        model=call.model,
        tokens=None if call.usage is None else call.usage.model_dump(),
        cost_usd=call.cost_usd,
        attributes=attributes,
    )
    tags = {"espalier.run_id": run_id, "espalier.call": str(call.call), "espalier.outcome": call.outcome}
    spans = (root, *_trips(call, start_ns, end_ns))
    return Trace(f"call:{call.call}", spans, tags, tuple(of_answer(call)), prompt_of(arm, call.request))


def _trips(call: LlmCall, start_ns: int, end_ns: int) -> Iterator[Span]:
    """Yield one span per trip; they follow one another, with the client's waiting times between them."""
    at = start_ns
    for number, trip in enumerate(call.trail, start=1):
        end = min(at + _ns(float(trip.get("latency_s", 0.0))), end_ns)
        result = str(trip.get("result", ""))
        yield Span(
            name=f"trip {number}: {result}",
            kind="UNKNOWN",
            start_ns=at,
            end_ns=end,
            outputs=trip.get("text") or None,
            error=None if result == ANSWERED else f"{result}: {trip.get('detail', '')}",
            attributes=_trip_attributes(trip),
        )
        at = min(end + _ns(float(trip.get("slept_s", 0.0))), end_ns)


def _trip_attributes(trip: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the tokens out of MLflow's own attribute, which would count them twice: here and at the call."""
    return {f"espalier.{name}": trip.get(name) for name in ("mode", "usage", "problem", "slept_s")}


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
