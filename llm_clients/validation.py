"""From a reply to what it is worth: find the JSON, check it against the schema, say in words what is wrong."""

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
    """What a reply is worth. `error` holds the validator's words, fit to be sent back to the model."""

    outcome: CallOutcome
    value: Json = None
    form: AnswerForm | None = None
    problem: Problem | None = None
    error: str | None = None
    detail: str = ""


def validate_reply(reply: Reply, schema: Mapping[str, Json] | None) -> Validation:
    """Refusals and truncation first: the text of either is not an answer, unless it is whole and valid all the same."""
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
        return Validation(CallOutcome.INVALID, problem=Problem.PARSE, error=_parse_words(text))
    value, form = found
    if not _is_unicode(value):
        return Validation(
            CallOutcome.INVALID, form=form, problem=Problem.PARSE, error="a string holds half a surrogate pair"
        )
    errors = sorted(Draft202012Validator(dict(schema)).iter_errors(value), key=lambda error: list(map(str, error.path)))
    if not errors:
        return Validation(CallOutcome.ANSWERED, value=value, form=form)
    problem = Problem.RANGE if all(error.validator in _RANGE_WORDS for error in errors) else Problem.SCHEMA
    return Validation(CallOutcome.INVALID, form=form, problem=problem, error=_schema_words(errors))


def find_json(text: str) -> tuple[Json, AnswerForm] | None:
    """The whole text as JSON; else the last code fence that parses; else the longest JSON object or array in it."""
    try:
        return _strict(text), AnswerForm.JSON
    except ValueError:
        pass  # not an error yet: it may stand in a fence or in prose
    for block in reversed(_FENCE.findall(text)):
        try:
            return _strict(block), AnswerForm.FENCED
        except ValueError:
            continue
    return _in_prose(text)


def check_schema(schema: Mapping[str, Json]) -> None:
    """Raises LLMConfigurationError when the schema itself is not valid."""
    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError as error:
        raise LLMConfigurationError(f"the answer's JSON schema is not valid: {error.message}") from None


_FENCE = re.compile(r"```(?:json|JSON)?\s*\n(.*?)```", re.DOTALL)

_RANGE_WORDS = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "enum"}
)

_WORDS_LIMIT = 5  # errors worth telling at once

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
    """The longest JSON object or array that stands free in the text.

    Brackets that hold no JSON are skipped as a whole; what follows one that never closes is not looked at: a piece of
    a cut answer is no answer, even if it happens to satisfy the schema.
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
    """The end of the bracket that opens at `start`, by counting; None when it never closes."""
    depth = 0
    for bracket in _BRACKET.finditer(text, start):
        depth += 1 if bracket.group() in "{[" else -1
        if depth == 0:
            return bracket.end()
    return None


def _parse_words(text: str) -> str:
    try:
        _strict(text)
    except ValueError as error:
        return f"not JSON: {error}"
    raise AssertionError("called for text that parses")


def _schema_words(errors: list[ValidationError]) -> str:
    told = [f"{error.json_path}: {_short(error.message)}" for error in errors[:_WORDS_LIMIT]]
    more = len(errors) - len(told)
    return "; ".join(told) + (f"; and {more} more" if more else "")


def _short(message: str, limit: int = 200) -> str:
    return message if len(message) <= limit else message[: limit - 1] + "…"
