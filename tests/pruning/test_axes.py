"""Tests of the algebra of axes: what is known about one dimension must reach every other."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruning.axes import Axes, AxisMismatchError, Form
from pruning.rules.shapes import _blocks


def test_united_axes_are_one_and_stay_one_when_refined() -> None:
    axes = Axes()
    a, b = axes.leaf(6), axes.leaf(6)
    axes.unite(a, b)
    head, tail = axes.cut(a, [2, 4])
    assert axes.form(b) is Form.CONCAT
    assert [axes.find(x) for x in axes.children(b)] == [axes.find(head), axes.find(tail)]


def test_fixing_one_end_fixes_the_other() -> None:
    axes = Axes()
    a, b = axes.leaf(4), axes.leaf(4)
    axes.unite(a, b)
    axes.unite(b, axes.constant(4))
    assert axes.is_fixed(a)


def test_a_fixed_part_leaves_the_other_part_free() -> None:
    axes = Axes()
    whole = axes.leaf(6)
    head, tail = axes.cut(whole, [2, 4])
    axes.fix(head)
    assert axes.is_fixed(head)
    assert not axes.is_fixed(tail)
    assert not axes.is_fixed(whole)


def test_split_then_merge_is_the_same_axis() -> None:
    axes = Axes()
    whole = axes.leaf(24)
    three, heads, dims = axes.split(whole, [3, 2, 4])
    merged = axes.grid([three, heads, dims])
    axes.unite(merged, whole)
    assert [axes.size(leaf) for leaf in axes.leaves(whole)] == [3, 2, 4]


def test_grids_of_different_factors_meet_in_their_common_refinement() -> None:
    axes = Axes()
    a = axes.grid([axes.leaf(4), axes.leaf(6)])
    b = axes.grid([axes.leaf(2), axes.leaf(12)])
    axes.unite(a, b)
    assert [axes.size(leaf) for leaf in axes.leaves(a)] == [2, 2, 6]
    assert list(axes.leaves(a)) == list(axes.leaves(b))


def test_grids_without_a_common_refinement_are_held_whole() -> None:
    axes = Axes()
    a, b = axes.grid([axes.leaf(2), axes.leaf(3)]), axes.grid([axes.leaf(3), axes.leaf(2)])
    axes.unite(a, b)
    assert axes.is_fixed(a)
    assert axes.is_fixed(b)


def test_a_grid_cut_between_rows_shares_its_columns() -> None:
    axes = Axes()
    rows, columns = axes.leaf(4), axes.leaf(5)
    head, tail = axes.cut(axes.grid([rows, columns]), [5, 15])
    assert axes.find(head) == axes.find(columns)
    assert [axes.size(leaf) for leaf in axes.leaves(tail)] == [3, 5]
    assert axes.form(rows) is Form.CONCAT


def test_a_grid_cut_inside_a_row_is_held_whole() -> None:
    axes = Axes()
    grid = axes.grid([axes.leaf(4), axes.leaf(5)])
    axes.cut(grid, [7, 13])
    assert axes.is_fixed(grid)


def test_a_concatenation_of_equal_parts_splits_into_rows_that_are_the_same() -> None:
    axes = Axes()
    query, key = axes.leaf(8), axes.leaf(8)
    two, inner = axes.split(axes.concat([query, key]), [2, 8])
    assert axes.is_fixed(two)
    assert axes.find(query) == axes.find(key) == axes.find(inner)


def test_a_concatenation_splits_inside_its_parts() -> None:
    axes = Axes()
    a, b = axes.leaf(4), axes.leaf(8)
    outer, inner = axes.split(axes.concat([a, b]), [6, 2])
    assert [axes.size(leaf) for leaf in axes.leaves(outer)] == [2, 4]
    assert axes.size(inner) == 2
    assert [axes.size(leaf) for leaf in axes.leaves(b)] == [4, 2]


def test_axes_of_different_lengths_never_unite() -> None:
    axes = Axes()
    with pytest.raises(AxisMismatchError, match="3 and 4"):
        axes.unite(axes.leaf(3), axes.leaf(4))


sizes = st.lists(st.integers(1, 6), min_size=1, max_size=5)


@given(sizes, st.randoms(use_true_random=False))
def test_blocks_pair_dimensions_of_equal_product(before: list[int], rng: object) -> None:
    total = math.prod(before)
    after = []
    while total > 1:
        step = next(d for d in range(2, total + 1) if total % d == 0)
        after.append(step)
        total //= step
    blocks = _blocks(before, after)
    assert [i for left, _ in blocks for i in left] == list(range(len(before)))
    assert [j for _, right in blocks for j in right] == list(range(len(after)))
    for left, right in blocks:
        assert math.prod(before[i] for i in left) == math.prod(after[j] for j in right)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_uniting_two_concatenations_makes_every_boundary_common(a: list[int], b: list[int]) -> None:
    short, long = sorted((a, b), key=sum)
    short = [*short, sum(long) - sum(short)] if sum(long) > sum(short) else short
    axes = Axes()
    x = axes.concat([axes.leaf(n) for n in short])
    y = axes.concat([axes.leaf(n) for n in long])
    axes.unite(x, y)
    assert [axes.size(leaf) for leaf in axes.leaves(x)] == [axes.size(leaf) for leaf in axes.leaves(y)]
    assert sum(axes.size(leaf) for leaf in axes.leaves(x)) == sum(long)
