"""Validation of a reply: find the JSON, check it against the schema, and describe what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError

from llm_clients.errors import LLMConfigurationError
from llm_clients.kinds import AnswerForm, CallOutcome
from llm_clients.request import Json
from llm_clients.vendors.base import Reply


class Problem(StrEnum):
    """Why an answer is invalid."""

    PARSE = "parse_error"
    SCHEMA = "schema_error"
    RANGE = "out_of_range"


@dataclass(frozen=True, slots=True)
class Validation:
    """The result of validating a reply.

    Attributes:
        value: the parsed answer if it is valid.
        form: where its JSON was found.
        problem: why an answer is invalid.
        error: the validator's message, which may be sent back to the model.
        detail: why there is no answer.
    """

    outcome: CallOutcome
    value: Json = None
    form: AnswerForm | None = None
    problem: Problem | None = None
    error: str | None = None
    detail: str = ""


def validate_reply(reply: Reply, schema: Mapping[str, Json] | None) -> Validation:
    """Validate a reply. A refusal is no answer, and a truncated text is none unless it is valid all the same."""
    if reply.refusal is not None:
        return Validation(CallOutcome.REFUSED, detail=reply.refusal)
    if schema is None:
        if reply.truncated:
            return Validation(CallOutcome.TRUNCATED, detail="the answer ran into max_tokens")
        return Validation(CallOutcome.ANSWERED, value=reply.text)
    validation = validate_text(reply.text, schema)
    if reply.truncated and validation.outcome is CallOutcome.INVALID:
        return Validation(CallOutcome.TRUNCATED, error=validation.error, detail="the answer ran into max_tokens")
    return validation


def validate_text(text: str, schema: Mapping[str, Json]) -> Validation:
    """Parse and validate an answer. JSON inside a code fence or inside prose counts, and the form says so."""
    found = find_json(text)
    if found is None:
        return Validation(CallOutcome.INVALID, problem=Problem.PARSE, error=_describe_parse_error(text))
    value, form = found
    if not _is_unicode(value):
        return Validation(
            CallOutcome.INVALID, form=form, problem=Problem.PARSE, error="a string holds half a surrogate pair"
        )
    errors = sorted(Draft202012Validator(dict(schema)).iter_errors(value), key=lambda error: list(map(str, error.path)))
    if not errors:
        return Validation(CallOutcome.ANSWERED, value=value, form=form)
    problem = Problem.RANGE if all(error.validator in _RANGE_KEYWORDS for error in errors) else Problem.SCHEMA
    return Validation(CallOutcome.INVALID, form=form, problem=problem, error=_describe_schema_errors(errors))


def find_json(text: str) -> tuple[Json, AnswerForm] | None:
    """The whole text as JSON, else the last code fence that parses, else the longest JSON object or array in it."""
    try:
        return _strict(text), AnswerForm.JSON
    except ValueError:
        pass  # not an error yet: it may be in a fence or in prose
    for block in reversed(_FENCE.findall(text)):
        try:
            return _strict(block), AnswerForm.FENCED
        except ValueError:
            continue
    return _in_prose(text)


def check_schema(schema: Mapping[str, Json]) -> None:
    """Check the schema itself.

    Raises:
        LLMConfigurationError: it is not a valid JSON schema.
    """
    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError as error:
        raise LLMConfigurationError(f"the answer's JSON schema is not valid: {error.message}") from None


_FENCE = re.compile(r"```(?:json|JSON)?\s*\n(.*?)```", re.DOTALL)

_RANGE_KEYWORDS = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "enum"}
)

_MOST_ERRORS = 5  # how many errors are described at once

_OPENING = re.compile(r"[{\[]")
_BRACKET = re.compile(r"[{}\[\]]")


def _refuse(constant: str) -> Json:
    raise ValueError(f"{constant} is not JSON")  # Python's parser takes NaN and Infinity


def _is_unicode(value: Json) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _strict(text: str) -> Json:
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _in_prose(text: str) -> tuple[Json, AnswerForm] | None:
    """The longest JSON object or array in the text that is not part of another bracket.

    Brackets that hold no JSON are skipped as a whole. Text after a bracket that never closes is ignored: a piece of a
    cut answer is no answer, even if it happens to satisfy the schema.
    """
    decoder = json.JSONDecoder(parse_constant=_refuse)
    best: tuple[int, Json] | None = None
    position = 0
    while (opening := _OPENING.search(text, position)) is not None:
        start = opening.start()
        try:
            value, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):  # a model in a loop may open a hundred thousand brackets
            closing = _closing(text, start)
            if closing is None:
                break
            position = closing
            continue
        if best is None or position - start > best[0]:
            best = (position - start, value)
    return None if best is None else (best[1], AnswerForm.PROSE)


def _closing(text: str, start: int) -> int | None:
    """The end of the bracket that opens at `start`, found by counting; None if it never closes."""
    depth = 0
    for bracket in _BRACKET.finditer(text, start):
        depth += 1 if bracket.group() in "{[" else -1
        if depth == 0:
            return bracket.end()
    return None


def _describe_parse_error(text: str) -> str:
    try:
        _strict(text)
    except ValueError as error:
        return f"not JSON: {error}"
    raise AssertionError("called for text that parses")


def _describe_schema_errors(errors: list[ValidationError]) -> str:
    described = [f"{error.json_path}: {_short(error.message)}" for error in errors[:_MOST_ERRORS]]
    more = len(errors) - len(described)
    return "; ".join(described) + (f"; and {more} more" if more else "")


def _short(message: str, limit: int = 200) -> str:
    return message if len(message) <= limit else message[: limit - 1] + "…"
