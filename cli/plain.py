"""Text from models, files and servers, made fit for a terminal and for a line of a log.

A rationale, a model's name, a path or an error may hold what a terminal obeys instead of showing it: escape sequences
that rewrite the screen, a carriage return that overwrites a line, letters that turn the direction of the text. A line
break lets one entry of a log look like two.
"""

import re

_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_INVISIBLE = "\u200b\u2060-\u2064\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
_BREAKS = "\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029"
_SPACE = re.compile(rf"\r\n|[{_BREAKS}]")
_CONTROL = re.compile(rf"[\x00-\x1f\x7f-\x9f\ud800-\udfff{_BIDI}{_INVISIBLE}\u2028\u2029]")


def one_line(text: str) -> str:
    """The text on one line: a break or a tab becomes a space, any other control character its escape sequence."""
    return _CONTROL.sub(_escape, _SPACE.sub(" ", text))


def plain(text: str) -> str:
    """The text with its line breaks; any other control character becomes its escape."""
    return "\n".join(map(one_line, text.replace("\r\n", "\n").split("\n")))


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape", "surrogatepass").decode("ascii")
