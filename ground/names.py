"""Suggestions for a misspelt name."""

import difflib
from collections.abc import Iterable


def near_misses(name: str, known: Iterable[str], most: int = 3, likeness: float = 0.6) -> tuple[str, ...]:
    """The known names of similar spelling, the most similar first.

    Args:
        name: the name as it was received.
        known: all names that would work.
        most: the largest number of names to return.
        likeness: the smallest similarity, as a ratio of `difflib.SequenceMatcher` from 0 to 1.
    """
    return tuple(difflib.get_close_matches(name, list(known), n=most, cutoff=likeness))


def did_you_mean(near: Iterable[str]) -> str:
    """The question `did you mean …?` followed by a space, or an empty string if there are no near names."""
    names = " or ".join(near)
    return f"did you mean {names}? " if names else ""
