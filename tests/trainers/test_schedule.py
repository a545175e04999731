"""Learning rates, and the images of each step."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainers.place import Place
from trainers.schedule import Rates, epoch_batches, mixed, per_worker, steps_per_epoch

sizes = st.integers(1, 300)


def shares(images: int, batch: int, world: int, epoch: int = 0) -> list[list[torch.Tensor]]:
    """The batches of each worker."""
    whole = epoch_batches(images, batch, seed=1, epoch=epoch, world=world)
    places = [Place(torch.device("cpu"), rank, world) for rank in range(world)]
    return [[place.share(step) for step in whole] for place in places]


@given(sizes, st.integers(1, 64), st.integers(1, 5), st.integers(0, 3))
def test_workers_take_equal_steps_and_equal_shares(images: int, batch: int, world: int, epoch: int) -> None:
    each = shares(images, batch, world, epoch)
    assert {len(batches) for batches in each} == {steps_per_epoch(images, batch, world)}
    assert {len(step) for batches in each for step in batches} == {per_worker(batch, world)}


@given(sizes, st.integers(1, 64), st.integers(1, 5))
def test_no_image_is_taken_twice_in_an_epoch(images: int, batch: int, world: int) -> None:
    taken = torch.cat([step for batches in shares(images, batch, world, 2) for step in batches])
    assert set(taken.tolist()) <= set(range(images))
    if images >= per_worker(batch, world) * world:
        assert len(set(taken.tolist())) == len(taken)
        assert images - len(taken) < per_worker(batch, world) * world


def test_workers_together_take_what_one_would() -> None:
    (alone,), (first, second) = shares(100, 20, 1), shares(100, 20, 2)
    for step, whole in enumerate(alone):
        assert sorted(torch.cat([first[step], second[step]]).tolist()) == sorted(whole.tolist())


def test_order_changes_with_epoch_and_seed_only() -> None:
    def first(seed: int, epoch: int) -> list[int]:
        return epoch_batches(50, 10, seed=seed, epoch=epoch)[0].tolist()

    assert first(0, 0) == first(0, 0)
    assert first(0, 0) != first(0, 1)
    assert first(0, 0) != first(1, 0)
    assert first(0, 1) != first(1, 0)


def test_learning_rate_by_hand() -> None:
    def lr(step: int) -> float:
        return Rates(peak=0.9, warmup=2, steps=12).at(step)

    assert lr(0) == pytest.approx(0.3)
    assert lr(1) == pytest.approx(0.6)
    assert lr(2) == pytest.approx(0.9)
    assert lr(7) == pytest.approx(0.45)
    assert lr(11) == pytest.approx(0.45 * (1 + math.cos(0.9 * math.pi)))


@given(st.integers(1, 500), st.floats(0, 0.9), st.floats(1e-4, 1.0))
def test_learning_rate_stays_within_its_peak(steps: int, share: float, peak: float) -> None:
    warmup = int(steps * share)
    chosen = Rates(peak=peak, warmup=warmup, steps=steps)
    rates = [chosen.at(step) for step in range(steps)]
    assert all(0 < rate <= peak for rate in rates)
    assert max(rates) == pytest.approx(peak)


def test_mixed_seeds_are_positive_distinct_and_ordered() -> None:
    seeds = {mixed(a, b) for a in range(30) for b in range(30)}
    assert len(seeds) == 900
    assert all(0 <= seed < 2**63 for seed in seeds)
