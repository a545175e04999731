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
from llm_clients.thoughts import Said, without_thoughts
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
    """Validate a reply.

    Thoughts are not part of an answer, a refusal is none, and a truncated text is none unless it is valid all the same.
    """
    if reply.refusal is not None:
        return Validation(CallOutcome.REFUSED, detail=reply.refusal)
    said = without_thoughts(reply.text)
    if not said.answer.strip() and (reply.thoughts or reply.text.strip()):
        return _only_thoughts(reply, said)
    if schema is None:
        if reply.truncated or said.unfinished:
            return Validation(CallOutcome.TRUNCATED, detail=_CUT)
        return Validation(CallOutcome.ANSWERED, value=said.answer if said.answer == reply.text else said.answer.strip())
    validation = _validate_answer(said.answer, schema)
    if validation.outcome is CallOutcome.INVALID and (reply.truncated or said.unfinished):
        detail = _CUT if reply.truncated else _CUT_IN_THOUGHT
        return Validation(CallOutcome.TRUNCATED, error=validation.error, detail=detail)
    if reply.truncated and said.unfinished:
        return Validation(CallOutcome.TRUNCATED, detail=_CUT_IN_THOUGHT)  # it was thinking again
    return validation


def validate_text(text: str, schema: Mapping[str, Json]) -> Validation:
    """Parse and validate an answer. JSON inside a code fence or inside prose counts, and the form says so."""
    return _validate_answer(without_thoughts(text).answer, schema)


def find_json(text: str, schema: Mapping[str, Json] | None = None) -> tuple[Json, AnswerForm] | None:
    """The whole text as JSON, else the last object in it that fits the schema, else its longest object or array.

    Models list drafts before they decide, so the last one counts. A text whose last object is cut holds no answer.
    """
    try:
        return _unwrapped(_strict(text)), AnswerForm.JSON
    except ValueError:
        pass  # not an error yet: it may be in a fence or in prose
    found = _objects_in(text)
    if not found:
        return None
    check = None if schema is None else Draft202012Validator(dict(schema))
    fitting = [each for each in found if check is None or check.is_valid(each.value)]
    chosen = fitting[-1] if check is not None and fitting else max(found, key=_Found.weight)
    return chosen.value, AnswerForm.FENCED if _FENCE.search(text, 0, chosen.start) else AnswerForm.PROSE


def _validate_answer(text: str, schema: Mapping[str, Json]) -> Validation:
    try:
        return _validate_found(text, schema)
    except RecursionError:
        # What could just be parsed may be too deep for what looks at it: the answer is invalid, and is not lost.
        return Validation(CallOutcome.INVALID, problem=Problem.PARSE, error="not JSON: nested too deeply")


def _validate_found(text: str, schema: Mapping[str, Json]) -> Validation:
    found = find_json(text, schema)
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


def _only_thoughts(reply: Reply, said: Said) -> Validation:
    """The validation of a reply that holds thoughts and nothing else."""
    if reply.truncated:
        return Validation(CallOutcome.TRUNCATED, detail=f"{_CUT}, all of them for thoughts")
    if said.unfinished:
        return Validation(CallOutcome.TRUNCATED, detail=_CUT_IN_THOUGHT)
    place = f"in `{reply.thoughts_field}`, and its content is empty" if reply.thoughts else "inside a thought"
    error = f"there is no answer outside the thoughts: all that the model said is {place}"
    return Validation(CallOutcome.INVALID, problem=Problem.PARSE, error=error, detail=error)


def check_schema(schema: Mapping[str, Json]) -> None:
    """Check the schema itself.

    Raises:
        LLMConfigurationError: it is not a valid JSON schema.
    """
    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError as error:
        raise LLMConfigurationError(f"the answer's JSON schema is not valid: {error.message}") from None


_FENCE = re.compile(r"```[\w+-]*\s*\Z")  # directly before the object

_CUT = "the answer ran into max_tokens"
_CUT_IN_THOUGHT = "the answer ends inside a thought"

_RANGE_KEYWORDS = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "enum"}
)

_MOST_ERRORS = 5  # how many errors are described at once

_OPENING = re.compile(r"[{\[]")
_BEGINS_OBJECT = re.compile(r"\{\s*\"")
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


def _unwrapped(value: Json) -> Json:
    """The JSON inside a string, as servers send that encode a tool's arguments twice; any other value as it is."""
    if not isinstance(value, str):
        return value
    try:
        inner = _strict(value)
    except ValueError:
        return value
    return inner if isinstance(inner, dict) else value


@dataclass(frozen=True, slots=True)
class _Found:
    """A JSON object or array in a text, and where it is."""

    value: Json
    start: int
    end: int

    def weight(self) -> tuple[bool, int]:
        """Objects before arrays, as prose is full of brackets; the longest first."""
        return isinstance(self.value, dict), self.end - self.start


def _objects_in(text: str) -> list[_Found]:
    """The JSON objects and arrays in a text that are not part of another bracket.

    An object with an error in it is skipped as a whole: its pieces are no answers, even if one happens to satisfy the
    schema. A bracket of prose is skipped up to where it stops being JSON. Where the text ends inside an object, the
    answer was cut, and whatever came before it was no answer either.
    """
    decoder = json.JSONDecoder(parse_constant=_refuse)
    closings = _closings(text)
    found: list[_Found] = []
    position = 0
    while (opening := _OPENING.search(text, position)) is not None:
        start = opening.start()
        try:
            value, position = decoder.raw_decode(text, start)
        except RecursionError:  # a model in a loop may open a hundred thousand brackets
            break
        except ValueError as error:
            broken_at = error.pos if isinstance(error, json.JSONDecodeError) else start
            means_object = _BEGINS_OBJECT.match(text, start) is not None
            if start not in closings and _is_cut(text, error):
                return [] if means_object else found
            position = closings[start] if means_object and start in closings else max(broken_at, start + 1)
        else:
            found.append(_Found(value, start, position))
    return found


def _is_cut(text: str, error: ValueError) -> bool:
    """Whether the parser failed because the text ends; a literal or an escape that is cut fails at its beginning."""
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.msg.startswith("Unterminated string") or error.pos >= len(text.rstrip()) - _LONGEST_PIECE


_LONGEST_PIECE = 8


def _closings(text: str) -> dict[int, int]:
    """For each opening bracket that is closed, the end of its closing one, found by counting."""
    ends: dict[int, int] = {}
    open_at: list[int] = []
    for bracket in _BRACKET.finditer(text):
        if bracket.group() in "{[":
            open_at.append(bracket.start())
        elif open_at:
            ends[open_at.pop()] = bracket.end()
    return ends


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
