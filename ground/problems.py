"""Describe pydantic's validation errors on one line."""

from pydantic import ValidationError

_INPUT_LENGTH = 80


def describe_problems(error: ValidationError, whole: str, *, most: int | None = None, received: bool = False) -> str:
    """Describe each problem by its location and pydantic's message, separated by semicolons.

    Args:
        error: the error that pydantic raised.
        whole: the name of the location of a problem that belongs to no field, such as "the file".
        most: the largest number of problems to describe; None describes all.
        received: whether to quote the value that was received; of a problem that belongs to no field, its words do.
    """
    return "; ".join(
        f"{place_of(problem['loc'], whole)}: {problem['msg']}"
        + (f" (received {_short(problem['input'])})" if received and problem["loc"] else "")
        for problem in error.errors()[:most]
    )


def place_of(location: tuple[int | str, ...], whole: str) -> str:
    """The location of a problem as a dotted path, such as `strategies.0.keep`, or `whole` if it is empty."""
    return ".".join(map(str, location)) or whole


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _INPUT_LENGTH else text[: _INPUT_LENGTH - 3] + "..."
