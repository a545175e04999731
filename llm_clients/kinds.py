"""The enums that describe a call in the ledger: its outcome, and how structure was asked for and found."""

from enum import StrEnum


class CallOutcome(StrEnum):
    """How a call ended. Only `ANSWERED` carries a value; nothing is invented for the others."""

    ANSWERED = "answered"
    INVALID = "invalid"  # still failing validation after the last re-ask
    TRUNCATED = "truncated"  # the model ran into max_tokens
    REFUSED = "refused"  # by the model or by the vendor's content filter; see stop_reason
    RATE_LIMITED = "rate_limited"  # still limited at the deadline, or the server asked for a longer wait than the cap
    UNAUTHORISED = "unauthorised"
    FORBIDDEN = "forbidden"  # the vendor does not serve this place, or a gateway lets nobody through
    WRONG_ADDRESS = "wrong_address"  # something answers there, but not an LLM's API under this path
    OUT_OF_QUOTA = "out_of_quota"  # the vendor's credit is used up
    OVER_BUDGET = "over_budget"  # our own --max-cost or --max-tokens-total: the call was not made
    UNKNOWN_MODEL = "unknown_model"
    REJECTED = "rejected"  # the server says that the request itself is wrong
    UNREACHABLE = "unreachable"  # no connection, timeouts or server errors up to the deadline
    MALFORMED = "malformed"  # the server answers, but not with a completion
    CANCELLED = "cancelled"  # the client was closed while the call waited


class AnswerMode(StrEnum):
    """How structured output is requested, best first. In every mode the answer is validated by this package."""

    NATIVE = "native"
    TOOL = "tool"
    PROMPT = "prompt"


class AnswerForm(StrEnum):
    """Where in the text the JSON was found."""

    JSON = "json"
    FENCED = "fenced"
    PROSE = "prose"
