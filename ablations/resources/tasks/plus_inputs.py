"""The inputs of MBPP+ as Python has them. JSON has no tuples, sets and complex numbers: a table says who needs them.

After `mbpp_deserialize_inputs` in github.com/evalplus/evalplus, `evalplus/data/mbpp.py` (v0.3).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Arguments = list[Any]


def as_python(number: int, arguments: Arguments) -> tuple[Any, ...]:
    """The arguments of one call.

    Args:
        number: of the task.
        arguments: as JSON has them.

    Raises:
        TypeError, ValueError, IndexError, AttributeError: they are not of the form that this task has.
    """
    return tuple(_OF_TASK.get(number, list)(arguments))


def _tuples(arguments: Arguments) -> Iterable[Any]:
    """Each argument is a tuple."""
    return map(tuple, arguments)


def _lists_of_tuples(arguments: Arguments) -> Iterable[Any]:
    """Each argument is a list of tuples."""
    return ([tuple(item) for item in argument] for argument in arguments)


def _tuples_of_tuples(arguments: Arguments) -> Iterable[Any]:
    """Each argument is a tuple of tuples."""
    return (tuple(tuple(item) for item in argument) for argument in arguments)


def _tuples_of_some_tuples(arguments: Arguments) -> Iterable[Any]:
    """The first argument is a tuple, in which what was a list is a tuple."""
    return [tuple(tuple(item) if isinstance(item, list) else item for item in arguments[0])]


def _nested_tuples(arguments: Arguments) -> Iterable[Any]:
    """Every list is a tuple, however deep."""
    return map(_nested_tuple, arguments)


def _nested_tuple(value: Any) -> Any:
    return tuple(map(_nested_tuple, value)) if isinstance(value, list) else value


def _first_list_of_tuples(arguments: Arguments) -> Iterable[Any]:
    """The first argument is a list of tuples."""
    return [[tuple(item) for item in arguments[0]], *arguments[1:]]


def _first_tuple(arguments: Arguments) -> Iterable[Any]:
    """The first argument is a tuple."""
    return [tuple(arguments[0]), *arguments[1:]]


def _second_tuple(arguments: Arguments) -> Iterable[Any]:
    """The second argument is a tuple."""
    return [arguments[0], tuple(arguments[1])]


def _dict_of_tuples(arguments: Arguments) -> Iterable[Any]:
    """The first argument is a dict of tuples."""
    return [{key: tuple(value) for key, value in arguments[0].items()}, *arguments[1:]]


def _list_of_sets(arguments: Arguments) -> Iterable[Any]:
    """The first argument is a list of sets, in which an empty one is a dict."""
    return [[set(item) if isinstance(item, list) and item else {} for item in arguments[0]]]


def _float_and_complex(arguments: Arguments) -> Iterable[Any]:
    return [float(arguments[0]), complex(arguments[1])]


def _complex(arguments: Arguments) -> Iterable[Any]:
    return [complex(arguments[0])]


_GROUPS: Mapping[Callable[[Arguments], Iterable[Any]], tuple[int, ...]] = {
    _tuples: (
        *(2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424, 429, 470, 560, 579, 596, 616, 630, 726, 740, 744, 809),
    ),
    _lists_of_tuples: (63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780),
    _tuples_of_tuples: (259, 401, 445),
    _tuples_of_some_tuples: (278,),
    _nested_tuples: (580, 615, 791),
    _first_list_of_tuples: (75, 413, 444, 753),
    _first_tuple: (250, 307, 405, 446, 617, 720, 763, 808),
    _second_tuple: (106, 750),
    _dict_of_tuples: (722,),
    _list_of_sets: (115,),
    _float_and_complex: (124,),
    _complex: (252,),
}
_OF_TASK = {number: convert for convert, numbers in _GROUPS.items() for number in numbers}
