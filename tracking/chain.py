"""Chains the lines of a ledger: each ends with a digest of itself and of all lines before it.

A line that is edited, swapped, inserted or renumbered no longer fits the digest that it states, or that its successor
states. The digests are no signature: they show a change, and not who made it.
"""

import hashlib
import re
from collections.abc import Iterable

START = ""
"""What precedes the first line."""
_DIGITS = 32
_STATED = re.compile(rb',"chain":"([0-9a-f]{%d})"\}$' % _DIGITS)


def link(previous: str, body: bytes) -> str:
    """Return the digest of a line.

    Args:
        previous: The digest of the line before it.
        body: The line without the digest that it states, and without what follows.
    """
    return hashlib.sha256(previous.encode() + b"\n" + body).hexdigest()[:_DIGITS]


def with_digest(previous: str, line: bytes) -> bytes:
    """Return a line, a JSON object, with its digest as the last field."""
    body = line.removesuffix(b"}")
    return body + f',"chain":"{link(previous, body)}"}}'.encode()


def stated(line: bytes) -> tuple[bytes, str | None]:
    """Split a line into its body and the digest that it states; lines of older formats state none."""
    found = _STATED.search(line)
    return (line, None) if found is None else (line[: found.start()], found[1].decode())


def follow(previous: str, line: bytes) -> str:
    """Return the digest of a line as it is, whatever it states."""
    return link(previous, stated(line)[0])


def end_of(lines: Iterable[bytes]) -> str:
    """Return the digest of the last line."""
    digest = START
    for line in lines:
        digest = follow(digest, line)
    return digest
