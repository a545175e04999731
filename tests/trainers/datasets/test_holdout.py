"""Which images are set aside, for any labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainers.datasets.holdout import Indices, stratified_holdout


@st.composite
def label_arrays(draw: st.DrawFn) -> Indices:
    counts = draw(st.lists(st.integers(2, 40), min_size=1, max_size=6))
    labels = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(draw(st.integers(0, 99))).permutation(labels)


@given(label_arrays(), st.floats(0.01, 0.99), st.integers(0, 5))
def test_the_two_sides_are_disjoint_and_together_everything(labels: Indices, fraction: float, seed: int) -> None:
    parts = stratified_holdout(labels, fraction=fraction, seed=seed)
    together = np.concatenate((parts.train, parts.holdout))
    assert sorted(together.tolist()) == list(range(len(labels)))
    assert np.array_equal(parts.train, np.sort(parts.train))
    assert np.array_equal(parts.holdout, np.sort(parts.holdout))


@given(label_arrays(), st.floats(0.01, 0.99), st.integers(0, 5))
def test_each_class_gives_its_share(labels: Indices, fraction: float, seed: int) -> None:
    parts = stratified_holdout(labels, fraction=fraction, seed=seed)
    for label in np.unique(labels):
        members, held = (labels == label).sum(), (labels[parts.holdout] == label).sum()
        assert held == min(max(1, round(members * fraction)), members - 1)


@given(label_arrays(), st.integers(1, 4))
def test_no_class_gives_more_than_the_limit(labels: Indices, limit: int) -> None:
    parts = stratified_holdout(labels, fraction=0.5, seed=0, per_class_limit=limit)
    assert np.bincount(labels[parts.holdout]).max() <= limit


def test_the_seed_decides_which() -> None:
    labels = np.arange(200) % 4
    first, same, other = (stratified_holdout(labels, fraction=0.25, seed=s).holdout for s in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_members_are_drawn_at_random_not_from_an_end() -> None:
    labels = np.zeros(1000, dtype=np.int64)
    held = stratified_holdout(labels, fraction=0.2, seed=0).holdout
    assert 400 < held.mean() < 600
    assert held.max() > 900
    assert held.min() < 100


def test_classes_are_drawn_from_unlike_each_other() -> None:
    labels = np.repeat(np.arange(2), 100)
    held = stratified_holdout(labels, fraction=0.5, seed=0).holdout
    assert set(held[held < 100]) != set(held[held >= 100] - 100)


def test_a_class_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="has 1 image"):
        stratified_holdout(np.array([0, 0, 1]), fraction=0.5, seed=0)
