"""Failures on the way to an answer, sorted by what helps against them. Values, not exceptions: they hold no request."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from llm_clients.kinds import CallOutcome
from llm_clients.request import Usage


class FaultKind(StrEnum):
    """What went wrong with one trip to a server."""

    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    CONNECTION = "connection"
    TIMEOUT = "timeout"
    MALFORMED = "malformed"  # status 200, but no completion in the body
    UNAUTHORISED = "unauthorised"
    OUT_OF_QUOTA = "out_of_quota"
    UNKNOWN_MODEL = "unknown_model"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Fault:
    """One failed trip to a server.

    Attributes:
        detail: the vendor's message where there is one.
        retry_after_s: how long the server asked us to wait, if it did.
        status: the HTTP status, None when no answer came.
        usage: tokens that the server counted although it gave no answer.
    """

    kind: FaultKind
    detail: str
    retry_after_s: float | None = None
    status: int | None = None
    usage: Usage | None = None

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed later."""
        return self.kind in _PASSING

    @property
    def outcome(self) -> CallOutcome:
        """The outcome of a call that ends with this fault."""
        return _OUTCOMES[self.kind]


def fault_of_status(status: int, detail: str, *, code: str = "", retry_after_s: float | None = None) -> Fault:
    """Classify an HTTP error by its status, and by the vendor's code where one status has two meanings."""
    kind = _BY_STATUS.get(status, FaultKind.SERVER_ERROR if status >= 500 else FaultKind.REJECTED)
    text = f"{code} {detail}".lower()
    # OpenAI answers 429 and Anthropic 400 for an empty account, and waiting does not help there
    if kind in (FaultKind.RATE_LIMITED, FaultKind.REJECTED) and any(word in text for word in _NO_CREDIT):
        kind = FaultKind.OUT_OF_QUOTA
    if kind is FaultKind.REJECTED and any(word in text for word in _NO_MODEL):
        kind = FaultKind.UNKNOWN_MODEL
    return Fault(kind, detail, retry_after_s, status)


_PASSING = frozenset(
    {
        FaultKind.RATE_LIMITED,
        FaultKind.OVERLOADED,
        FaultKind.SERVER_ERROR,
        FaultKind.CONNECTION,
        FaultKind.TIMEOUT,
        FaultKind.MALFORMED,
    }
)

_OUTCOMES = {
    FaultKind.RATE_LIMITED: CallOutcome.RATE_LIMITED,
    FaultKind.OVERLOADED: CallOutcome.UNREACHABLE,
    FaultKind.SERVER_ERROR: CallOutcome.UNREACHABLE,
    FaultKind.CONNECTION: CallOutcome.UNREACHABLE,
    FaultKind.TIMEOUT: CallOutcome.UNREACHABLE,
    FaultKind.MALFORMED: CallOutcome.MALFORMED,
    FaultKind.UNAUTHORISED: CallOutcome.UNAUTHORISED,
    FaultKind.OUT_OF_QUOTA: CallOutcome.OUT_OF_QUOTA,
    FaultKind.UNKNOWN_MODEL: CallOutcome.UNKNOWN_MODEL,
    FaultKind.REJECTED: CallOutcome.REJECTED,
}

_BY_STATUS = {
    401: FaultKind.UNAUTHORISED,
    402: FaultKind.OUT_OF_QUOTA,
    403: FaultKind.UNAUTHORISED,
    404: FaultKind.UNKNOWN_MODEL,
    408: FaultKind.TIMEOUT,
    409: FaultKind.SERVER_ERROR,
    410: FaultKind.UNKNOWN_MODEL,
    425: FaultKind.SERVER_ERROR,
    429: FaultKind.RATE_LIMITED,
    503: FaultKind.OVERLOADED,
    529: FaultKind.OVERLOADED,
}

_NO_CREDIT = ("insufficient_quota", "credit balance", "billing_error", "insufficient credits")
_NO_MODEL = ("model_not_found", "not a valid model id", "model does not exist")
