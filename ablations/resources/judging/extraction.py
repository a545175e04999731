"""The code in an answer, by one rule for all models.

1. What a reasoning model thinks, up to `</think>`, is no part of its answer; nor is a thought that was cut.
2. Blocks are what stands between fences (``` or ~~~), or between the tags of CodeLlama ([PYTHON]) and of MBPP's paper
   ([BEGIN] … [DONE]). A block of another language is none. The end may be missing: the answer was cut.
3. Of several blocks the last that defines the entry point counts, because a model corrects itself downwards, and shows
   how to call a function in blocks that do not define it. If none does, the last counts.
4. Without a block, the code begins at the first line that begins like Python, and ends before the first line behind it
   that is at the margin and begins like prose.
5. Without such a line the whole answer counts: it is judged as it is, which is no fault of the judge.
"""

import re
from enum import StrEnum
from typing import NamedTuple


class Form(StrEnum):
    """Where the code was."""

    BLOCK = "block"
    ONE_OF_BLOCKS = "one_of_blocks"
    CUT_BLOCK = "cut_block"
    BETWEEN_PROSE = "between_prose"
    WHOLE = "whole"


class Extracted(NamedTuple):
    """The code of an answer.

    Attributes:
        code: Python, or what was answered instead.
        form: where it was.
    """

    code: str
    form: Form


class _Block(NamedTuple):
    language: str
    code: str
    closed: bool


_FENCE = re.compile(r"^[ \t]*(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[\w+#.-]*)[^\n`]*$")
_TAGS = re.compile(r"\[(PYTHON|BEGIN)\]\s*?\n?(?P<code>.*?)(?P<end>\[/PYTHON\]|\[DONE\]|\[END\]|\Z)", re.DOTALL)
_PYTHON = frozenset(("", "python", "python3", "py", "py3", "python2", "ipython", "pycon"))
_BEGINS = re.compile(
    r"((async )?def +\w+ *\(|class +\w+ *[(:]|@\w)"
    r"|import +[\w.]+( as \w+)?( *,.*)?\s*(#.*)?$|from +[\w.]+ +import\b"
    r"|\w+( *: *[\w\[\], ]+)? *= *\S"
)
_GOES_ON = re.compile(
    rf"{_BEGINS.pattern}|#|[)\]}}]|[\w.]+\(.*\)\s*$"
    r"|(if|for|while|try|with|else|elif|except|finally|assert|return|raise|del|pass)\b"
)


def code_in(answer: str, entry_point: str) -> Extracted:
    """Find the code in an answer.

    Args:
        answer: all that the model said.
        entry_point: name of the function that the code has to define.
    """
    text = answer.replace("\r\n", "\n").rpartition("</think>")[2].partition("<think>")[0]
    blocks = [block for block in _fenced(text) or _tagged(text) if block.language.lower() in _PYTHON]
    if blocks:
        return _of_blocks(blocks, entry_point)
    if code := _between_prose(text):
        return Extracted(code, Form.BETWEEN_PROSE)
    return Extracted(text.strip("\n"), Form.WHOLE)


def _of_blocks(blocks: list[_Block], entry_point: str) -> Extracted:
    defines = re.compile(
        rf"^\s*((async )?def|class) +{re.escape(entry_point)}\b|^{re.escape(entry_point)} *=", re.MULTILINE
    )
    block = next((block for block in reversed(blocks) if defines.search(block.code)), blocks[-1])
    if not block.closed:
        return Extracted(block.code, Form.CUT_BLOCK)
    return Extracted(block.code, Form.BLOCK if len(blocks) == 1 else Form.ONE_OF_BLOCKS)


def _fenced(text: str) -> list[_Block]:
    found: list[_Block] = []
    fence, language, lines = "", "", list[str]()
    for line in text.split("\n"):
        matched = _FENCE.match(line)
        if not fence and matched:
            fence, language, lines = matched["fence"], matched["language"], []
        elif fence and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            found.append(_Block(language, _without_margin(lines), closed=True))
            fence = ""
        elif fence:
            lines.append(line)
    if fence:
        found.append(_Block(language, _without_margin(lines), closed=False))
    return found


def _tagged(text: str) -> list[_Block]:
    found = ((match["code"].strip("\n"), bool(match["end"])) for match in _TAGS.finditer(text))
    return [_Block("", code, closed) for code, closed in found]


def _without_margin(lines: list[str]) -> str:
    """The lines without the white space that all of them begin with: a block in a list of Markdown is indented."""
    full = [line for line in lines if line.strip()]
    margin = min((len(line) - len(line.lstrip(" ")) for line in full), default=0)
    return "\n".join(line[margin:] if line.strip() else "" for line in lines)


def _between_prose(text: str) -> str:
    lines = text.split("\n")
    first = next((place for place, line in enumerate(lines) if _BEGINS.match(line)), None)
    if first is None:
        return ""
    rest = lines[first:]
    last = next((place for place, line in enumerate(rest) if not _is_code(line)), len(rest))
    return "\n".join(rest[:last]).rstrip()


def _is_code(line: str) -> bool:
    return not line.strip() or line[0] in " \t" or bool(_GOES_ON.match(line))
