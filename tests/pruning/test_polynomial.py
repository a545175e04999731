"""Tests of polynomials: the fast arithmetic equals Python's integers exactly."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruning.owners import WidthTerms, add, evaluate, multiply
from pruning.polynomial import Polynomial

monomials = st.lists(st.integers(0, 3), max_size=4).map(lambda m: tuple(sorted(m)))
polynomials = st.dictionaries(monomials, st.integers(0, 10_000), min_size=1, max_size=8)
counts = st.lists(st.integers(1, 100), min_size=4, max_size=4)


@given(polynomials, counts)
def test_equals_integer_arithmetic(terms: WidthTerms, kept: list[int]) -> None:
    polynomial = Polynomial(terms, [100] * 4)
    assert polynomial(kept) == evaluate(terms, kept)
    assert polynomial.many([kept, [1] * 4]).tolist() == [evaluate(terms, kept), evaluate(terms, [1] * 4)]


@given(polynomials, polynomials, counts)
def test_sums_and_products_of_terms(a: WidthTerms, b: WidthTerms, kept: list[int]) -> None:
    assert evaluate(add(a, b), kept) == evaluate(a, kept) + evaluate(b, kept)
    assert evaluate(multiply(a, b), kept) == evaluate(a, kept) * evaluate(b, kept)


def test_counts_too_large_for_exact_floats_are_refused() -> None:
    with pytest.raises(OverflowError, match="9007199254740992"):
        Polynomial({(0,): 2**52}, [2])


def test_a_vector_of_the_wrong_length_is_refused() -> None:
    polynomial = Polynomial({(0, 1): 3}, [4, 4])
    with pytest.raises(ValueError, match="got 3 counts for 2 groups"):
        polynomial([1, 2, 3])


def test_travels_by_pickle() -> None:
    polynomial = Polynomial({(): 1, (0, 1, 1): 3}, [4, 4])
    assert pickle.loads(pickle.dumps(polynomial))([2, 3]) == 1 + 3 * 2 * 9  # noqa: S301 - our own bytes
