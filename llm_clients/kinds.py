"""The words in which a call is recorded: what became of it, and how structure was asked for."""

from enum import StrEnum


class CallOutcome(StrEnum):
    """What became of a call. Only ANSWERED carries a value; nothing is ever made up for the others."""

    ANSWERED = "answered"
    INVALID = "invalid"  # still failing validation after the last re-ask
    TRUNCATED = "truncated"  # the model ran into max_tokens
    REFUSED = "refused"  # by the model or by the vendor's content filter; see stop_reason
    RATE_LIMITED = "rate_limited"  # still limited at the deadline, or told to wait longer than the cap
    UNAUTHORISED = "unauthorised"
    OUT_OF_QUOTA = "out_of_quota"  # the vendor's credit is used up
    OVER_BUDGET = "over_budget"  # our own --max-cost or --max-tokens-total: the call was not made
    UNKNOWN_MODEL = "unknown_model"
    REJECTED = "rejected"  # the server says that the request itself is wrong
    UNREACHABLE = "unreachable"  # no connection, timeouts or server errors up to the deadline
    MALFORMED = "malformed"  # the server answers, but not with a completion
    CANCELLED = "cancelled"  # the client was closed while the call waited


class AnswerMode(StrEnum):
    """How structure is asked for, best first. Whatever the mode, the answer is validated here."""

    NATIVE = "native"
    TOOL = "tool"
    PROMPT = "prompt"


class AnswerForm(StrEnum):
    """Where in the text the JSON was."""

    JSON = "json"
    FENCED = "fenced"
    PROSE = "prose"
