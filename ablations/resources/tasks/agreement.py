"""Whether what a solution returns is what the reference of MBPP+ returns, as EvalPlus decides it.

This file is text to `mbpp_plus.py`, and runs in the process of the checks, where there is nothing but the standard
library. After `unsafe_execute` in github.com/evalplus/evalplus, `evalplus/eval/__init__.py` (v0.3); without numpy.
"""

import copy
import math
from collections.abc import Callable
from typing import Any

_RELATIVE = 1e-7
_OF_FLOATS = 1e-6
"""Absolute tolerance where floats are expected, and the task states none."""

_SAME_SET = frozenset(
    (
        *("similar_elements", "find_char_long", "common_in_nested_lists", "extract_singly", "larg_nnum"),
        *("intersection_array", "find_dissimilar", "Diff"),
    )
)
"""The order, and how often something occurs, does not matter."""
_FOUND_OR_NOT = frozenset(("check_str", "text_match_three", "text_starta_endb"))
"""The reference returns a match or None; a solution may also return whether there is one."""


class Oracle:
    """Knows what is expected of one task.

    Args:
        reference: source of a solution.
        entry_point: name of the function.
        tolerance: absolute tolerance of numbers; 0 where they have to be equal, if they are no floats.
    """

    def __init__(self, reference: str, entry_point: str, tolerance: float) -> None:
        self._reference, self._name, self._tolerance = reference, entry_point, tolerance
        self._namespace: dict[str, Any] = {}

    def agrees(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> bool:
        """Whether a function returns for these arguments what it is expected to."""
        try:
            expected = self._expected(arguments)
        except Exception as error:
            # The fault is the task's. Only data travels to the program: the referee refuses to hand an exception over,
            # and says that the check is unsuitable, which is no failure of the program.
            function(error)
            raise
        found = function(*arguments)
        return self._is_special(found, expected, arguments) or self._is_same(found, expected)

    def _expected(self, arguments: tuple[Any, ...]) -> Any:
        if not self._namespace:
            self._namespace["__name__"] = "_reference"
            exec(self._reference, self._namespace)  # noqa: S102 - the task's own, where all checks run
        return self._namespace[self._name](*copy.deepcopy(arguments))

    def _is_special(self, found: Any, expected: Any, arguments: tuple[Any, ...]) -> bool:
        """Whether an exception holds, for one of the tasks of which more than one answer is right."""
        if self._name == "are_equivalent":
            return True  # EvalPlus takes any answer: the task's own tests are all that is known of it
        if self._name == "sum_div":
            return bool(found == 0)
        if self._name == "surface_Area":
            return abs(found - _pyramid_surface(*arguments)) <= self._tolerance
        if self._name == "digit_distance_nums":
            return bool(found == _digit_distance(*arguments))
        return False

    def _is_same(self, found: Any, expected: Any) -> bool:
        if self._name in _SAME_SET:
            return set(found) == set(expected)
        if self._name in _FOUND_OR_NOT:
            there = expected is not None
            return (found if isinstance(found, bool) else found is not None) == there
        if found == expected:
            return True
        tolerance = self._tolerance or (_OF_FLOATS if _are_floats(expected) else 0.0)
        return bool(tolerance) and type(found) is type(expected) and _close(found, expected, tolerance)


def _are_floats(value: Any) -> bool:
    if isinstance(value, list | tuple) and value:
        return all(isinstance(item, float) for item in value)
    return isinstance(value, float)


def _close(found: Any, expected: Any, tolerance: float) -> bool:
    if isinstance(expected, list | tuple):
        same_length = isinstance(found, list | tuple) and len(found) == len(expected)
        return same_length and all(_close(*pair, tolerance) for pair in zip(found, expected, strict=True))
    if not isinstance(found, int | float | complex) or not isinstance(expected, int | float | complex):
        return bool(found == expected)
    if found == expected:
        return True  # infinities, whose difference is no number
    return math.isfinite(abs(expected)) and abs(found - expected) <= tolerance + _RELATIVE * abs(expected)


def _pyramid_surface(base: float, height: float) -> float:
    """The surface of a square pyramid, rounded to a whole number."""
    slant = math.sqrt((base / 2) ** 2 + height**2)
    return round(base**2 + 4 * (base * slant) / 2)


def _digit_distance(first: int, second: int) -> int:
    """The sum of the differences of the digits of two numbers, place by place from the right."""
    width = max(len(str(first)), len(str(second)))
    pairs = zip(str(first).zfill(width), str(second).zfill(width), strict=True)
    return sum(abs(int(left) - int(right)) for left, right in pairs)
