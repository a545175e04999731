"""Counts of things in sentences."""


def counted(count: int, noun: str) -> str:
    """A count with its noun, whose plural ends in `s`: `1 worker`, `1,024 images`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
