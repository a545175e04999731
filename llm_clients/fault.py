"""Failures on the way to an answer, sorted by what helps against them. Values, not exceptions: they hold no request."""

from __future__ import annotations

import re
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
    FORBIDDEN = "forbidden"  # this place or this caller is not served, whatever the key
    WRONG_ADDRESS = "wrong_address"  # something answers, but no LLM under this path
    OUT_OF_QUOTA = "out_of_quota"
    UNKNOWN_MODEL = "unknown_model"
    REJECTED = "rejected"
    TOO_LONG = "too_long"  # the prompt and the answer that was asked for do not fit the model
    PROMPT_CUT = "prompt_cut"  # the server answered to a part of the prompt


@dataclass(frozen=True, slots=True)
class Fault:
    """One failed trip to a server.

    Attributes:
        detail: the vendor's message where there is one.
        retry_after_s: how long the server asked us to wait, if it did.
        status: the HTTP status, None when no answer came.
        usage: tokens that the server counted although it gave no answer.
        sent: whether the server may have worked on the request to the end: no response came, or an empty one.
    """

    kind: FaultKind
    detail: str
    retry_after_s: float | None = None
    status: int | None = None
    usage: Usage | None = None
    sent: bool = False

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed later."""
        return self.kind in _PASSING

    @property
    def outcome(self) -> CallOutcome:
        """The outcome of a call that ends with this fault."""
        return _OUTCOMES[self.kind]


def fault_of_status(status: int, detail: str, *, code: str = "", retry_after_s: float | None = None) -> Fault:
    """Classify an HTTP error by its status, and by the vendor's words where one status has several meanings."""
    kind = _BY_STATUS.get(status, FaultKind.SERVER_ERROR if status >= 500 else FaultKind.REJECTED)
    text = f"{code} {detail}".lower()
    return Fault(_meant(kind, status, text), detail, retry_after_s, status)


def is_web_page(text: str) -> bool:
    """Whether a text is HTML, as gateways, login pages and web interfaces send it."""
    return _PAGE.match(text) is not None


def names_structure(detail: str) -> bool:
    """Whether a server's error is about the requested structure; some answer 500 to a grammar that they cannot use."""
    return _STRUCTURE.search(detail) is not None


def names_token_limit(detail: str) -> bool:
    """Whether a server's error names the field that limits output tokens."""
    return "max_tokens" in detail or "max_completion_tokens" in detail


def _meant(kind: FaultKind, status: int, text: str) -> FaultKind:
    """What a status means where the words say more than it does."""
    if kind is FaultKind.REJECTED and any(word in text for word in _NO_MODEL):
        return FaultKind.UNKNOWN_MODEL
    # OpenAI answers 429 and Anthropic 400 for an empty account, and waiting does not help there
    if kind in (FaultKind.RATE_LIMITED, FaultKind.REJECTED) and any(word in text for word in _NO_CREDIT):
        return FaultKind.OUT_OF_QUOTA
    if kind is FaultKind.RATE_LIMITED and (_DAILY.search(text) or ("current quota" in text and "minute" not in text)):
        return FaultKind.OUT_OF_QUOTA
    if kind in (FaultKind.REJECTED, FaultKind.SERVER_ERROR) and _TOO_LONG.search(text):
        return FaultKind.TOO_LONG
    if (status == 403 and (_REGION.search(text) or "a web page" in text)) or "location is not supported" in text:
        return FaultKind.FORBIDDEN
    if status == 404:
        return _not_found(text)
    return kind


def _not_found(text: str) -> FaultKind:
    """A model, a path or, from OpenRouter, a provider that takes these parameters was not found.

    https://openrouter.ai/docs/features/provider-routing
    """
    if "no endpoints found" in text or "no allowed providers" in text:
        model = "no endpoints found for" in text and not _PARAMETERS.search(text)
        return FaultKind.UNKNOWN_MODEL if model else FaultKind.REJECTED
    page = "a web page" in text
    named = "model" in text or "deployment" in text
    return FaultKind.UNKNOWN_MODEL if named and not page else FaultKind.WRONG_ADDRESS


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
    FaultKind.FORBIDDEN: CallOutcome.FORBIDDEN,
    FaultKind.WRONG_ADDRESS: CallOutcome.WRONG_ADDRESS,
    FaultKind.OUT_OF_QUOTA: CallOutcome.OUT_OF_QUOTA,
    FaultKind.UNKNOWN_MODEL: CallOutcome.UNKNOWN_MODEL,
    FaultKind.REJECTED: CallOutcome.REJECTED,
    FaultKind.TOO_LONG: CallOutcome.REJECTED,
    FaultKind.PROMPT_CUT: CallOutcome.REJECTED,
}

_BY_STATUS = {
    401: FaultKind.UNAUTHORISED,
    402: FaultKind.OUT_OF_QUOTA,
    403: FaultKind.UNAUTHORISED,
    404: FaultKind.WRONG_ADDRESS,
    405: FaultKind.WRONG_ADDRESS,
    408: FaultKind.TIMEOUT,
    409: FaultKind.SERVER_ERROR,
    410: FaultKind.UNKNOWN_MODEL,
    425: FaultKind.SERVER_ERROR,
    429: FaultKind.RATE_LIMITED,
    451: FaultKind.FORBIDDEN,
    503: FaultKind.OVERLOADED,
    529: FaultKind.OVERLOADED,
}

_NO_CREDIT = ("insufficient_quota", "credit balance", "billing_error", "insufficient credits")
_NO_MODEL = ("model_not_found", "not a valid model id", "model does not exist")
_PAGE = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body|title|center)\b",
    re.IGNORECASE | re.DOTALL,
)
_DAILY = re.compile(r"per[-_ ]?day|daily|\((?:rpd|tpd)\)")
_REGION = re.compile(r"region|country|countries|territory|location|request not allowed")
_PARAMETERS = re.compile(r"parameter|support|handle")
_STRUCTURE = re.compile(
    r"grammar|json.?schema|response.?format|structured|guided|xgrammar|outlines|guidance|tool.?choice|function.?call",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"""
      context.?length | context.?window | context.?limit | context.?size | maximum.context
    | \b(?:prompt|input|request)\b.{0,20}\btoo\b.{0,5}\b(?:long|large)\b
    | max_(?:completion_)?tokens\W.{0,60}(?:too.large|exceed|at.most|>\s*\d)
    | exceeds?.{0,40}(?:context|token.limit|number.of.tokens|max(?:imum)?.tokens)
    """,
    re.VERBOSE,
)
