"""Separates what a model says from what it thinks, where both arrive in one text."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Said:
    """A text without the thoughts in it.

    Attributes:
        answer: what remains.
        unfinished: whether the text ends inside a thought, so that an answer may have been still to come.
    """

    answer: str
    unfinished: bool = False


def without_thoughts(text: str) -> Said:
    """Drop the thoughts that open models and their servers leave in a text.

    These are blocks such as `<think>…</think>`, everything before an end mark whose beginning was part of the prompt,
    and all channels but the final one. A mark inside a JSON object that stands outside a thought is part of its text.
    """
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        pass  # not JSON as a whole
    else:
        return Said(text)
    said = _final_channel(text)
    outside = _outside_blocks(said.answer)
    return Said(outside.answer, said.unfinished or outside.unfinished)


# channels ------------------------------------------------------------------------------------------------------------

# https://cookbook.openai.com/articles/openai-harmony
_CHANNEL = re.compile(
    r"<\|channel\|>(?P<name>(?:(?!<\|channel\|>).)*?)<\|message\|>(?P<body>.*?)(?P<end><\|(?:end|return|call|start|channel)\|>|\Z)",
    re.DOTALL,
)
# the same after a server has removed the special tokens and kept their words
_BARE_FINAL = re.compile(r"\A\s*(?:assistant)?(?:analysis|commentary).*assistant\s?final", re.DOTALL)
_BARE_ANALYSIS = re.compile(r"\A\s*(?:assistant)?analysis(?=[A-Z])")


def _final_channel(text: str) -> Said:
    if "<|channel|>" in text:
        return _last_message(text)
    if found := _BARE_FINAL.match(text):
        return Said(text[found.end() :])
    return Said("", unfinished=True) if _BARE_ANALYSIS.match(text) else Said(text)


def _last_message(text: str) -> Said:
    """The last message that is no analysis; a tool call's arguments are one too."""
    ends_in_thought = True  # also when the text ends before a message begins
    answer: str | None = None
    position = 0
    while (found := _CHANNEL.search(text, position)) is not None:
        thought = found["name"].strip().startswith("analysis")
        if not thought:
            answer = found["body"]
        ends_in_thought = thought and not found["end"]
        # the mark that ends one message may begin the next
        position = found.start("end") if found["end"] == "<|channel|>" else found.end()
    return Said(answer or "", unfinished=ends_in_thought and answer is None)


# blocks --------------------------------------------------------------------------------------------------------------

_NAMES = r"(?:seed:)?(?:think|thinking|thoughts?|reasoning|reflection|analysis|scratchpad)"
_OPENING = re.compile(
    rf"""
      <\s*{_NAMES}(?:\s[^<>]*)?>
    | \[think(?:ing)?\]
    | ◁{_NAMES}▷
    | <\|begin_of_thought\|> | <\|START_THINKING\|> | <unused94>
    | <\|channel>\s*thought
    """,
    re.VERBOSE | re.IGNORECASE,
)
_CLOSING = re.compile(
    rf"""
      <\s*/\s*{_NAMES}\s*>
    | \[/think(?:ing)?\]
    | ◁/{_NAMES}▷
    | <\|end_of_thought\|> | <\|END_THINKING\|> | <unused95>
    | <channel\|>
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MARK = re.compile(rf"(?P<opening>{_OPENING.pattern})|(?P<closing>{_CLOSING.pattern})|\{{", re.VERBOSE | re.IGNORECASE)


def _outside_blocks(text: str) -> Said:
    if not (_OPENING.search(text) or _CLOSING.search(text)):
        return Said(text)
    kept: list[str] = []
    position = 0  # up to which the text is either kept or dropped
    looked = 0
    while (mark := _MARK.search(text, looked)) is not None:
        looked = mark.end()
        if mark["closing"]:
            # its beginning was in the prompt, or inside another thought: all before it was thought
            kept, position = [], looked
        elif mark["opening"]:
            kept.append(text[position : mark.start()])
            end = _CLOSING.search(text, looked)
            if end is None:
                return Said("".join(kept), unfinished=True)
            position = looked = end.end()
        else:
            looked = _end_of_object(text, mark.start())
    return Said("".join([*kept, text[position:]]))


def _end_of_object(text: str, start: int) -> int:
    """The end of the JSON object that begins here; the next character where none does."""
    try:
        return json.JSONDecoder().raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return start + 1
