"""Tests of owner maps against index tables written by hand: which indices stay, how many, and who owns them."""

import itertools

import torch
from hypothesis import given
from hypothesis import strategies as st

from pruning.owners import Concat, Fixed, Grid, Owner, Units, evaluate

# Two groups, of 3 and of 2 units.
A, B = Units(0, 3), Units(1, 2)


def kept(owner: Owner, *selection: list[int]) -> list[int]:
    return owner.kept([torch.tensor(units) for units in selection]).tolist()


def test_fixed_indices_all_stay() -> None:
    assert kept(Fixed(4), [0], [0]) == [0, 1, 2, 3]
    assert Fixed(4).width() == {(): 4}
    assert Fixed(4).units(0).tolist() == [-1] * 4
    assert list(Fixed(4).groups()) == []


def test_units_stay_in_the_order_of_the_selection() -> None:
    assert kept(A, [2, 0], [1]) == [2, 0]
    assert kept(B, [2, 0], [1]) == [1]
    assert A.width() == {(0,): 1}
    assert A.units(0).tolist() == [0, 1, 2]
    assert A.units(1).tolist() == [-1] * 3
    assert list(A.groups()) == [0]


def test_a_concatenation_moves_each_part_behind_the_ones_before() -> None:
    joined = Concat((A, Fixed(2), B, A), 10)
    assert kept(joined, [0, 2], [1]) == [0, 2, 3, 4, 6, 7, 9]
    assert joined.width() == {(0,): 2, (): 2, (1,): 1}
    assert joined.units(0).tolist() == [0, 1, 2, -1, -1, -1, -1, 0, 1, 2]
    assert joined.units(1).tolist() == [-1, -1, -1, -1, -1, 0, 1, -1, -1, -1]
    assert list(joined.groups()) == [0, 1, 0]


def test_a_grid_keeps_the_combinations() -> None:
    qkv = Grid((Fixed(2), A, B), 12)
    assert kept(qkv, [0, 2], [1]) == [1, 5, 7, 11]
    assert qkv.width() == {(0, 1): 2}
    assert qkv.units(0).tolist() == [0, 0, 1, 1, 2, 2] * 2
    assert qkv.units(1).tolist() == [0, 1] * 6
    assert list(qkv.groups()) == [0, 1]


leaves: st.SearchStrategy[Owner] = st.one_of(st.builds(Fixed, st.integers(1, 3)), st.sampled_from([A, B]))


def _concat(parts: list[Owner]) -> Owner:
    return Concat(tuple(parts), sum(part.size for part in parts))


def _grid(factors: list[Owner]) -> Owner:
    size = 1
    for factor in factors:
        size *= factor.size
    return Grid(tuple(factors), size)


def _composed(inner: st.SearchStrategy[Owner]) -> st.SearchStrategy[Owner]:
    heads_by_dims: list[Owner] = [A, Fixed(2), B]
    return st.lists(inner, min_size=1, max_size=3).map(_concat) | st.just(_grid(heads_by_dims))


owners = st.recursive(leaves, _composed)


@given(owners, st.sets(st.integers(0, 2), min_size=1), st.sets(st.integers(0, 1), min_size=1))
def test_an_index_stays_exactly_when_every_unit_that_owns_it_stays(owner: Owner, a: set[int], b: set[int]) -> None:
    stays = [
        (x == -1 or x in a) and (y == -1 or y in b)
        for x, y in zip(owner.units(0).tolist(), owner.units(1).tolist(), strict=True)
    ]
    expected = list(itertools.compress(range(owner.size), stays))
    assert kept(owner, sorted(a), sorted(b)) == expected
    assert evaluate(owner.width(), [len(a), len(b)]) == len(expected)
