"""What is to be thought of each answer of a language model: valid, repeated, incoherent, in band."""

from collections.abc import Iterator

from tracking.mirror.operations import Assessment
from tracking.payloads import LlmCall, Proposed

ANSWERED = "answered"


def of_answer(call: LlmCall) -> Iterator[Assessment]:
    """Yield what the answer itself shows, compared with its schema and with the answers before it."""
    yield Assessment("valid", "valid", call.outcome == ANSWERED, _why(call))
    quality = call.quality
    if quality is None or not quality.strategies:
        return
    many = f"of {quality.strategies} strategies"
    yield Assessment("repeated", "repeated", quality.repeated > 0, f"{quality.repeated} {many} had been given before.")
    reasons = "".join(f" {contradiction}" for contradiction in quality.contradictions)
    incoherent = f"{quality.incoherent} {many} contradict their own rationale.{reasons}"
    yield Assessment("incoherent", "incoherent", quality.incoherent > 0, incoherent)


def of_strategy(proposal: Proposed, band: tuple[int, int] | None) -> Assessment:
    """Whether a strategy of the answer asked for MACs in the band; one assessment for each that became a trial."""
    around = "" if band is None else f"; the band is {band[0]:,} to {band[1]:,}"
    why = f"Trial {proposal.trial} asked for {proposal.requested_macs:,} MACs{around}."
    return Assessment(f"in_band:{proposal.trial}", "in_band", proposal.in_band, why)


def _why(call: LlmCall) -> str:
    said = call.validation_error or call.detail
    return f"The call ended {call.outcome.value!r}{f': {said}' if said else ''}."
