"""Figures of texts alone: how many of their words differ, and how many repeat what was just written."""

from collections.abc import Sequence

_WINDOW = 20


def lexical_diversity(texts: Sequence[str]) -> float | None:
    """Return unique words / all words, the mean over the texts that have words; None if none has."""
    shares = [len(set(words)) / len(words) for text in texts if (words := text.lower().split())]
    return sum(shares) / len(shares) if shares else None


def repetition(texts: Sequence[str], window: int = _WINDOW) -> float | None:
    """Return the share of words that occur among the `window` words before them, over all texts; None without words."""
    repeated = total = 0
    for text in texts:
        words = text.lower().split()
        repeated += sum(word in words[max(0, place - window) : place] for place, word in enumerate(words))
        total += len(words)
    return repeated / total if total else None
