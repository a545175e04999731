"""A name that nobody knows, and those that were perhaps meant."""

import difflib
from collections.abc import Iterable


def near_misses(name: str, known: Iterable[str], most: int = 3, likeness: float = 0.6) -> tuple[str, ...]:
    """The known names that are spelt alike, the most similar first.

    Args:
        name: as it was received.
        known: all names that would work.
        most: how many to give at most.
        likeness: least ratio of `difflib.SequenceMatcher`, from 0 to 1.
    """
    return tuple(difflib.get_close_matches(name, list(known), n=most, cutoff=likeness))


def did_you_mean(near: Iterable[str]) -> str:
    """The question to whoever misspelt a name, with a space behind it; empty where nothing is near."""
    names = " or ".join(near)
    return f"did you mean {names}? " if names else ""
