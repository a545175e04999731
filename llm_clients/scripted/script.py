"""The file format that tells a scripted server what to answer and how to fail."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ground.problems import describe_problems
from llm_clients.errors import ScriptError
from llm_clients.kinds import AnswerMode
from llm_clients.prices import Price
from llm_clients.request import Json


class WireName(StrEnum):
    """The vendors whose wire formats the server has."""

    ANTHROPIC = "anthropic"
    OPENAI = "openai"
    OPENROUTER = "openrouter"
    OLLAMA = "ollama"
    VLLM = "vllm"


class FaultName(StrEnum):
    """Ways to fail. Those from `cut_json` on deliver text, which may be charged; the others deliver none."""

    RATE_LIMIT = "rate_limit"  # 429, with Retry-After if the step says so
    SERVER_ERROR = "server_error"  # 500
    OVERLOADED = "overloaded"  # 529
    RESET = "reset"  # the connection is reset before an answer
    HANG = "hang"  # no byte until the client gives up
    TRICKLE = "trickle"  # a byte at a time, never done
    HTML = "html"  # 200 with a web page
    ERROR_200 = "error_200"  # 200 with an error body
    EMPTY_CHOICES = "empty_choices"
    NULL_CHOICES = "null_choices"
    UNAUTHORISED = "unauthorised"  # 401
    NO_CREDIT = "no_credit"  # 402
    INSUFFICIENT_QUOTA = "insufficient_quota"  # what OpenAI (429) and Anthropic (400) answer for an empty account
    UNKNOWN_MODEL = "unknown_model"  # 404
    BAD_REQUEST = "bad_request"  # 400
    DAILY_QUOTA = "daily_quota"  # 429 until tomorrow
    REGION = "region"  # 403, whatever the key
    GATEWAY = "gateway"  # 502 with a web page
    NOT_FOUND = "not_found"  # 404 for the path, as under a wrong base URL
    UPSTREAM = "upstream"  # 502 of a router, with its provider's own words
    DIE = "die"  # the server stops, in the middle of the answer
    CUT_JSON = "cut_json"  # half the text, reported as complete
    TRUNCATED = "truncated"  # half the text, stopped by max_tokens
    PROSE = "prose"  # the right JSON inside prose
    WRONG_SCHEMA = "wrong_schema"
    OUT_OF_RANGE = "out_of_range"
    REFUSAL = "refusal"
    CONTENT_FILTER = "content_filter"
    THOUGHT_CUT = "thought_cut"  # stopped by max_tokens inside a thought
    ONLY_THOUGHTS = "only_thoughts"  # all of it in the field for thoughts


class Habit(StrEnum):
    """What a server or a model does with every answer, although the answer is good."""

    THOUGHTS = "thoughts"  # a thought with a draft before it
    LONE_END = "lone_end"  # the same, begun in the prompt
    CHANNELS = "channels"  # the same, in channels
    THOUGHTS_APART = "thoughts_apart"  # the same, in a field of its own
    BRACKETS = "brackets"  # prose full of brackets around it
    PARTS = "parts"  # content as a list of parts
    OBJECT_ARGUMENTS = "object_arguments"  # a tool's arguments as an object; a text where an object is usual
    NO_USAGE = "no_usage"
    NULL_USAGE = "null_usage"
    EMPTY_USAGE = "empty_usage"
    PARTIAL_USAGE = "partial_usage"  # the prompt's tokens only
    ODD_USAGE = "odd_usage"  # negative and infinite


class Order(StrEnum):
    """Which of `answers` is next."""

    CYCLE = "cycle"  # the next one after each delivered answer
    BY_PROMPT = "by_prompt"  # by the hash of the first user message, whatever the order of arrival


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Step(_Frozen):
    """What one call gets: an answer (a JSON value, or raw text as a string) or a fault."""

    answer: Json = None
    fault: FaultName | None = None
    retry_after_s: float | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.answer is None) == (self.fault is None):
            raise ValueError("a step holds either an answer or a fault")
        return self


class RandomFaults(_Frozen):
    """Random faults, drawn from the seed, the prompt and how often it was asked, and not from the order of arrival."""

    probability: Annotated[float, Field(ge=0, le=1)]
    seed: int = 0
    kinds: Annotated[tuple[FaultName, ...], Field(min_length=1)] = (
        FaultName.RATE_LIMIT,
        FaultName.SERVER_ERROR,
        FaultName.OVERLOADED,
        FaultName.RESET,
        FaultName.HTML,
        FaultName.ERROR_200,
        FaultName.EMPTY_CHOICES,
        FaultName.CUT_JSON,
        FaultName.WRONG_SCHEMA,
    )


class PerMillion(_Frozen):
    """US dollars per million tokens that the server counts, against which a client's cost can be checked."""

    input_per_million: Annotated[float, Field(ge=0)]
    output_per_million: Annotated[float, Field(ge=0)]

    def price(self) -> Price:
        """As the clients' own type."""
        return Price(self.input_per_million, self.output_per_million)


class RateLimit(_Frozen):
    """A token bucket: requests above `burst` at once, or above `per_second` on average, get a 429."""

    per_second: Annotated[float, Field(gt=0)]
    burst: Annotated[int, Field(ge=1)] = 1
    retry_after: bool = True


class MadeFor(_Frozen):
    """What a script's strategies fit: a model, by the number of its isomorphic sets."""

    model: str
    sets: Annotated[int, Field(ge=1)]


class Script(_Frozen):
    """How a scripted server behaves.

    Attributes:
        model: reported with each answer; starts with "scripted".
        made_for: the model that its answers fit, if they fit one only; a search of another refuses the script.
        wire: the vendor whose client `scripted:FILE` uses. The server itself has all formats at once.
        calls: what the first calls get, one by one.
        replies: what a call after those gets if the key is in its first user message, whatever the order of arrival;
            JSON values, or raw text as strings.
        answers: what all other calls get, in `order`; JSON values, or raw text as strings.
        order: which of the answers is next.
        improvise: a seed; calls for which `answers` has nothing get a random answer that fits their schema.
        random_faults: which of those calls fail.
        price: by which the server computes its cost.
        rate_limit: above which it answers 429.
        latency_s: how long an answer takes.
        hang_s: how long `hang` and `trickle` last when the client does not give up.
        models: names that the server accepts; any other is answered with 404. Empty: it accepts every name.
        key: when set, any other key is answered with 401.
        structured: modes of structured output that the server accepts; others are answered with 400.
        refuses_structure_with: the status for modes that it does not accept; 404 is a router without a provider, 500 a
            grammar that fails.
        takes_temperature: when false, a temperature is answered with 400.
        tokens_field: the only name that it accepts for the limit of output tokens, where its format has two.
        context: most tokens of prompt and answer together; more are answered with 400.
        window: most tokens that Ollama's model reads; what is over is cut in silence. Without `num_ctx` it is 4,096.
        habits: how its answers look.
    """

    model: Annotated[str, Field(pattern=r"^scripted")] = "scripted"
    made_for: MadeFor | None = None
    wire: WireName = WireName.OPENAI
    calls: tuple[Step, ...] = ()
    replies: Mapping[str, Json] = Field(default_factory=dict)
    answers: tuple[Json, ...] = ()
    order: Order = Order.CYCLE
    improvise: int | None = None
    random_faults: RandomFaults | None = None
    price: PerMillion | None = None
    rate_limit: RateLimit | None = None
    latency_s: Annotated[float, Field(ge=0)] = 0.0
    hang_s: Annotated[float, Field(gt=0)] = 30.0
    models: tuple[str, ...] = ()
    key: str | None = None
    structured: frozenset[AnswerMode] = frozenset(AnswerMode)
    refuses_structure_with: Literal[400, 404, 500] = 400
    takes_temperature: bool = True
    tokens_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    context: Annotated[int, Field(gt=0)] | None = None
    window: Annotated[int, Field(gt=0)] | None = None
    habits: frozenset[Habit] = frozenset()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.calls or self.replies or self.answers) and self.improvise is None:
            raise ValueError("a script needs calls, replies, answers or improvise")
        return self


SHIPPED = Path(__file__).with_name("scripts")
"""The scripts that come with the package, which are named without a folder and an ending."""


def shipped_scripts() -> tuple[str, ...]:
    """Return the names of the scripts that come with the package."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.json")))


def load_script(path: Path) -> Script:
    """Load a script.

    Args:
        path: of the file; or the name of a script that comes with the package, unless a file is there.

    Raises:
        ScriptError: the file cannot be used; the message names it and what is wrong in it.
    """
    if str(path) in shipped_scripts() and not path.exists():
        path = SHIPPED / f"{path}.json"
    try:
        return Script.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScriptError(
            f"cannot read the script {str(path)!r}: {error.strerror}. It is neither a file nor one of the scripts that "
            f"come with the package: {', '.join(shipped_scripts())}."
        ) from None
    except UnicodeDecodeError:
        raise ScriptError(f"{str(path)!r} is not a script: it is not text in UTF-8") from None
    except ValidationError as error:
        raise ScriptError(f"{str(path)!r} is not a script: {describe_problems(error, 'the file', most=3)}") from None


def as_text(answer: Json) -> str:
    """The answer as a model would write it."""
    return answer if isinstance(answer, str) else json.dumps(answer)
