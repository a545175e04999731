"""Finding the JSON in an answer, and describing what is wrong with it."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_clients.errors import LLMConfigurationError
from llm_clients.kinds import AnswerForm, CallOutcome
from llm_clients.validation import Problem, check_schema, find_json, validate_reply, validate_text
from llm_clients.vendors.base import Reply
from tests.llm_clients.support import ANSWER, SCHEMA

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
PROSE = st.text(alphabet=st.characters(exclude_characters="{}[]`"), max_size=40)


@given(VALUES)
def test_whole_json_is_found(value: Any) -> None:
    assert find_json(json.dumps(value)) == (value, AnswerForm.JSON)


@given(st.dictionaries(st.text(), VALUES, min_size=1), PROSE, PROSE)
def test_json_in_prose_is_found_and_named_so(value: dict[str, Any], before: str, after: str) -> None:
    found = find_json(f"Sure: {before} {json.dumps(value)} {after}.")
    assert found == (value, AnswerForm.PROSE)


@given(st.dictionaries(st.text(), VALUES), PROSE)
def test_json_in_a_fence_is_found_and_named_so(value: dict[str, Any], before: str) -> None:
    assert find_json(f"{before}\n```json\n{json.dumps(value)}\n```\n") == (value, AnswerForm.FENCED)


@given(st.integers(1, 10_000), st.sampled_from(["", "Here: "]))
def test_a_piece_of_a_cut_answer_is_no_answer(cut: int, before: str) -> None:
    whole = json.dumps({"best": ANSWER, "all": [ANSWER, ANSWER]})
    piece = whole[: cut % len(whole)]
    assert find_json(before + piece) is None
    assert validate_text(before + piece, SCHEMA).problem is Problem.PARSE


def test_half_a_surrogate_pair_is_not_text() -> None:
    validation = validate_text('{"ratios": [0.1, 0.2], "importance": "\\ud800"}', SCHEMA)
    assert (validation.outcome, validation.problem) == (CallOutcome.INVALID, Problem.PARSE)


def test_brackets_in_prose_do_not_hide_the_answer() -> None:
    text = f"For sets [a, b] and {{x: y}} I take {json.dumps(ANSWER)} (see [1])."
    assert find_json(text) == (ANSWER, AnswerForm.PROSE)


@given(st.text())
def test_no_text_is_too_strange(text: str) -> None:
    validation = validate_text(text, SCHEMA)
    assert validation.outcome is CallOutcome.INVALID
    assert validation.error


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "9" * 10_000, '{"ratios": NaN}', "\x00", ""])
def test_loops_of_a_broken_model_are_parse_errors(text: str) -> None:
    assert validate_text(text, SCHEMA).problem is Problem.PARSE


@pytest.mark.parametrize(
    ("value", "problem", "message"),
    [
        ({**ANSWER, "ratios": [0.5, 1.5]}, Problem.RANGE, "$.ratios[1]: 1.5 is greater than the maximum of 1"),
        ({**ANSWER, "ratios": [0.5]}, Problem.RANGE, "$.ratios: [0.5] is too short"),
        ({"ratios": [0.5, 0.5]}, Problem.SCHEMA, "'importance' is a required property"),
        ({**ANSWER, "ratios": ["half", 0.5]}, Problem.SCHEMA, "'half' is not of type 'number'"),
        ({**ANSWER, "ratios": [2, 0.5], "more": 1}, Problem.SCHEMA, "'more' was unexpected"),
        ([ANSWER], Problem.SCHEMA, "is not of type 'object'"),
    ],
)
def test_the_validators_message(value: Any, problem: Problem, message: str) -> None:
    validation = validate_text(json.dumps(value), SCHEMA)
    assert (validation.outcome, validation.problem, validation.value) == (CallOutcome.INVALID, problem, None)
    assert message in (validation.error or "")


def test_many_errors_are_told_in_short() -> None:
    schema = {"type": "array", "items": {"type": "number"}}
    validation = validate_text(json.dumps(["x" * 1000] * 50), schema)
    assert validation.error is not None
    assert validation.error.endswith("; and 45 more")
    assert len(validation.error) < 2000


def _reply(text: str, **options: Any) -> Reply:
    return Reply(text=text, model="scripted", stop_reason="stop", usage=None, **options)


def test_a_cut_answer_counts_only_when_it_is_whole_all_the_same() -> None:
    whole, half = json.dumps(ANSWER), json.dumps(ANSWER)[:20]
    assert validate_reply(_reply(whole, truncated=True), SCHEMA).outcome is CallOutcome.ANSWERED
    assert validate_reply(_reply(half, truncated=True), SCHEMA).outcome is CallOutcome.TRUNCATED
    assert validate_reply(_reply(half), SCHEMA).outcome is CallOutcome.INVALID
    assert validate_reply(_reply("free", truncated=True), None).outcome is CallOutcome.TRUNCATED


def test_the_text_of_a_refusal_is_no_answer() -> None:
    validation = validate_reply(_reply(json.dumps(ANSWER), refusal="no"), SCHEMA)
    assert (validation.outcome, validation.value, validation.detail) == (CallOutcome.REFUSED, None, "no")


def test_a_schema_that_is_none_is_the_callers_fault() -> None:
    check_schema(SCHEMA)
    with pytest.raises(LLMConfigurationError, match="not valid"):
        check_schema({"type": "thing"})


@pytest.mark.parametrize("frame", ['{"keep": %s}', 'Here: {"keep": %s} so.', '{"keep": [1], "more": %s}'])
def test_an_answer_of_any_depth_is_invalid_and_not_lost(frame: str) -> None:
    """Just below the depth at which parsing gives up, what looks at the parsed value gives up."""
    limit = sys.getrecursionlimit()
    for depth in range(limit - 150, limit + 10):
        validation = validate_reply(_reply(frame % ("[" * depth + "]" * depth)), SCHEMA)
        assert validation.outcome is CallOutcome.INVALID, depth
        assert validation.error, depth
