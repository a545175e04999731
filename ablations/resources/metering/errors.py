"""What cannot be measured here: an error where it is found, a reason where a value would stand."""

from collections.abc import Callable
from typing import TypeVar

_Found = TypeVar("_Found")


class NoInstrumentError(Exception):
    """Something cannot be measured here; the message is the reason. It never reaches the user as an error."""


def or_why(found: Callable[[], _Found]) -> _Found | str:
    """What a function returns, or the reason why there is nothing."""
    try:
        return found()
    except NoInstrumentError as error:
        return str(error)
