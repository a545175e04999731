"""Values on their way: what arrives is equal, of the exact type, and never an object of the sender's."""

import enum
import json
from collections import Counter, OrderedDict, deque, namedtuple
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.inside.values import pack, unpack

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False)
    | st.fractions()
    | st.decimals(allow_nan=False)
)
HASHABLE = st.recursive(SCALARS, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=6)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.sets(HASHABLE, max_size=4)
        | st.dictionaries(HASHABLE, inner, max_size=4)
        | st.lists(inner, max_size=3).map(deque)
    ),
    max_leaves=12,
)


def sent(value: Any) -> Any:
    kept: list[Any] = []

    def handle_of(found: Any) -> int:
        kept.append(found)
        return len(kept) - 1

    return unpack(json.loads(json.dumps(pack(value, handle_of))), lambda number, kind: ("handle", kind))


def kinds(value: Any) -> Any:
    if isinstance(value, dict):
        return [dict, *((kinds(key), kinds(item)) for key, item in value.items())]
    if isinstance(value, list | tuple | deque):
        return [type(value), *map(kinds, value)]
    return type(value)


@given(VALUES)
def test_plain_values_arrive_as_they_are(value: Any) -> None:
    arrived = sent(value)
    assert arrived == value
    assert kinds(arrived) == kinds(value)


class Same(str):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


class Colour(enum.IntEnum):
    RED = 1


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        (Same("x"), "x"),
        (Pair(1, 2), (1, 2)),
        (Counter("aab"), {"a": 2, "b": 1}),
        (OrderedDict(a=1), {"a": 1}),
        (bytearray(b"x"), b"x"),
        (range(3), range(3)),
        (deque([1], maxlen=2), deque([1])),
        (float("inf"), float("inf")),
        (10**400, 10**400),
        (Decimal("1.10"), Decimal("1.1")),
        (Fraction(1, 3), Fraction(1, 3)),
        ([iter(())], [("handle", "tuple_iterator")]),
        (Colour.RED, ("handle", "Colour")),
        (len, ("handle", "builtin_function_or_method")),
        (object, ("handle", "type")),
    ],
)
def test_other_values_arrive_as_plain_ones_or_as_handles(value: Any, arrives: Any) -> None:
    arrived = sent(value)
    assert arrived == arrives
    assert type(arrived) is type(arrives)


@pytest.mark.parametrize(
    "packed",
    [[1], {"z": 1}, {}, {"x": "os.system", "p": ["id"]}, {"i": "zz"}, {"s": [{"l": []}]}, {"d": [[1]]}, {"l": 3}],
)
def test_what_is_no_packed_value_is_refused(packed: Any) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, ArithmeticError)):
        unpack(packed, lambda number, kind: None)
