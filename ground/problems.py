"""What pydantic found wrong, as one line for people."""

from pydantic import ValidationError

_INPUT_LENGTH = 80


def describe_problems(error: ValidationError, whole: str, *, most: int | None = None, received: bool = False) -> str:
    """Each problem as its place and pydantic's message, separated by semicolons.

    Args:
        error: as pydantic raised it.
        whole: how to call the place of a problem that belongs to no field in particular, as "the file".
        most: the number of problems to tell; None tells all.
        received: quote what stood there, too.
    """
    return "; ".join(
        f"{place_of(problem['loc'], whole)}: {problem['msg']}"
        + (f" (received {_short(problem['input'])})" if received else "")
        for problem in error.errors()[:most]
    )


def place_of(location: tuple[int | str, ...], whole: str) -> str:
    """Where a problem is, as a dotted path: `strategies.0.keep`."""
    return ".".join(map(str, location)) or whole


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _INPUT_LENGTH else text[: _INPUT_LENGTH - 3] + "..."
