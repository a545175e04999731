"""Thoughts are not the answer: of all that a reply holds, the last object that was meant as one counts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_clients.kinds import AnswerForm, CallOutcome
from llm_clients.thoughts import without_thoughts
from llm_clients.validation import Problem, validate_reply, validate_text
from llm_clients.vendors.base import Reply
from tests.llm_clients.support import ANSWER, SCHEMA

DRAFT = json.dumps({"ratios": [0.9, 0.125], "importance": "a draft that is longer than the answer itself"})
FINAL = json.dumps(ANSWER)

BLOCKS = {
    "think": ("<think>", "</think>"),
    "thinking": ("<thinking>", "</thinking>"),
    "reasoning": ("<reasoning>", "</reasoning>"),
    "attribute": ('<think type="deep">', "</think>"),
    "capitals": ("<Think>", "</THINK>"),
    "spaces": ("< think >", "</ think >"),
    "mismatched": ("<think>", "</thinking>"),
    "triangles": ("◁think▷", "◁/think▷"),
    "brackets": ("[THINK]", "[/THINK]"),
    "seed": ("<seed:think>", "</seed:think>"),
    "words": ("<|begin_of_thought|>", "<|end_of_thought|>"),
    "command": ("<|START_THINKING|>", "<|END_THINKING|>"),
    "gemma": ("<|channel>thought\n", "<channel|>"),
    "harmony": ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    "harmony, begun in the prompt": ("analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    "harmony, as a tool call": (
        "<|channel|>analysis<|message|>",
        "<|end|><|start|>assistant<|channel|>commentary to=functions.give_answer <|constrain|>json<|message|>",
    ),
    "harmony without its tokens": ("analysisWe should begin. ", "assistantfinal"),
}
DRAFTS = [f"First {DRAFT} then.", f"```json\n{DRAFT}\n```", f"Perhaps {DRAFT[:20]}", "[a, b", 'a "quote', ""]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("draft", DRAFTS)
@pytest.mark.parametrize("answer", [FINAL, f"\n\n```json\n{FINAL}\n```", f"I take {FINAL} (see [1])."])
def test_a_draft_inside_a_thought_is_not_the_answer(block: str, draft: str, answer: str) -> None:
    opening, closing = BLOCKS[block]
    validation = validate_text(f"{opening}{draft}{closing}{answer}", SCHEMA)
    assert (validation.outcome, validation.value) == (CallOutcome.ANSWERED, ANSWER)


@pytest.mark.parametrize("closing", [closing for _, closing in BLOCKS.values()])
def test_all_before_a_lone_end_mark_was_thought(closing: str) -> None:
    assert validate_text(f"So: {DRAFT}\n{closing}\n{FINAL}", SCHEMA).value == ANSWER


@pytest.mark.parametrize(
    "text",
    [
        f"<think>I must write </think> at the end. {DRAFT}</think>{FINAL}",
        f"<think>a <think>b</think> {DRAFT} </think>{FINAL}",
        f"<think>a</think>{DRAFT}<think>No.</think>{FINAL}",
        f"<think>a</think>{FINAL}<think>Yes, {DRAFT} was worse.</think>",
        f"{FINAL}\n<think>And now",
        "<|start|>assistant".join(
            [
                f"<|channel|>analysis<|message|>{DRAFT}<|end|>",
                "<|channel|>commentary<|message|>I will.<|end|>",
                f"<|channel|>final<|message|>{FINAL}<|return|>",
            ]
        ),
    ],
)
def test_several_thoughts(text: str) -> None:
    assert validate_text(text, SCHEMA).value == ANSWER


@pytest.mark.parametrize("said", ["{}", "Here: {} as asked.", "<think>x</think> {}"])
@pytest.mark.parametrize("mark", ["<think>", "</think>", "◁think▷", "<|channel|>analysis<|message|>"])
def test_a_mark_inside_the_answers_own_text_is_text(said: str, mark: str) -> None:
    if "<|" in mark and said != "{}":
        pytest.skip("special tokens never come as text inside another message")
    value = {**ANSWER, "importance": f"as in {mark} above"}
    assert validate_text(said.replace("{}", json.dumps(value)), SCHEMA).value == value


@pytest.mark.parametrize(
    "text",
    [
        f"Draft: {DRAFT}\nBetter: {FINAL}",
        f"```json\n{DRAFT}\n```\nOr rather:\n```json\n{FINAL}\n```",
        f"{DRAFT}{FINAL}",
        f"{FINAL} with {{}} left out and [] besides",
        f'{FINAL}\n{{"note": "no answer, and longer than one. {"x" * 200}"}}',
        f"Ranges like [0.3, 0.5) work: {FINAL}",
        f"In [0, 1) we take {FINAL} which lies in (0, 1]",
        f"Sets [a, b and {{x: y}} first. {FINAL}",
        f"{{set 1}} [see below {FINAL}",
        f"\\frac{{1}}{{2}} and {{'a': 1}}: {FINAL}",
        f"[1, 2, three] {FINAL}",
        json.dumps(FINAL),
    ],
)
def test_the_last_object_that_fits_wins_whatever_brackets_stand_around_it(text: str) -> None:
    validation = validate_text(text, SCHEMA)
    assert (validation.outcome, validation.value) == (CallOutcome.ANSWERED, ANSWER)


def test_how_the_answer_was_found_is_told_of_what_remains() -> None:
    assert validate_text(f"<think>{DRAFT}</think>\n{FINAL}", SCHEMA).form is AnswerForm.JSON
    assert validate_text(f"<think>{DRAFT}</think>\n```json\n{FINAL}\n```", SCHEMA).form is AnswerForm.FENCED


@pytest.mark.parametrize("text", [f"Draft: {DRAFT}\nFinal: {FINAL[:-4]}", f'{DRAFT} {{"ratios": [0.5,'])
def test_a_draft_is_not_the_answer_where_the_last_object_is_cut(text: str) -> None:
    assert validate_text(text, SCHEMA).problem is Problem.PARSE
    assert validate_reply(_reply(text, truncated=True), SCHEMA).outcome is CallOutcome.TRUNCATED


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("truncated", [True, False])
def test_an_answer_that_is_cut_inside_a_thought_is_truncated(block: str, truncated: bool) -> None:
    opening, _ = BLOCKS[block]
    if not without_thoughts(f"{opening}{DRAFT} and").unfinished:
        pytest.skip("the mark at its beginning was in the prompt")
    validation = validate_reply(_reply(f"{opening}First {DRAFT} and then", truncated=truncated), SCHEMA)
    assert (validation.outcome, validation.value) == (CallOutcome.TRUNCATED, None)
    assert validation.detail


def test_an_answer_that_comes_only_as_thoughts_is_told_as_such() -> None:
    apart = _reply("", thoughts=f"I take {FINAL}", thoughts_field="reasoning_content")
    validation = validate_reply(apart, SCHEMA)
    assert (validation.outcome, validation.value) == (CallOutcome.INVALID, None)
    assert "`reasoning_content`, and its content is empty" in validation.detail
    inside = validate_reply(_reply(f"<think>I take {FINAL}</think>\n"), SCHEMA)
    assert (inside.outcome, inside.value) == (CallOutcome.INVALID, None)
    assert "inside a thought" in inside.detail
    cut = validate_reply(_reply("", thoughts="hmm", thoughts_field="thinking", truncated=True), SCHEMA)
    assert (cut.outcome, cut.value) == (CallOutcome.TRUNCATED, None)
    assert "all of them for thoughts" in cut.detail


def test_free_text_has_no_thoughts_in_it_either() -> None:
    assert validate_reply(_reply("<think>hm</think>\nYes."), None).value == "Yes."
    assert validate_reply(_reply("<think>hm"), None).outcome is CallOutcome.TRUNCATED


@given(st.text())
def test_no_text_is_too_strange(text: str) -> None:
    said = without_thoughts(text)
    assert len(said.answer) <= len(text)


@given(st.text(alphabet='{}[]<>"think/|:, 1'))
def test_no_soup_of_marks_is_too_strange(text: str) -> None:
    assert validate_text(text, SCHEMA).outcome is CallOutcome.INVALID


@pytest.mark.parametrize("text", ["<think>" * 20_000, "[x " * 20_000, '{"a" ' * 20_000, '{"a":[' * 400 + "<think>"])
def test_loops_of_a_broken_model_take_no_time(text: str) -> None:
    assert validate_text(text, SCHEMA).outcome is CallOutcome.INVALID


def _reply(text: str, **options: object) -> Reply:
    return Reply(text=text, model="scripted", stop_reason="stop", usage=None, **options)  # type: ignore[arg-type]
