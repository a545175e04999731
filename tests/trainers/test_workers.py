"""Several workers compute what one computes, and the faults by which they would not are noticed."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.trainers.group import Group
from tests.trainers.pruned import same_bits
from tests.trainers.witnessed import (
    HOLDOUT,
    MUTANTS,
    NORMED,
    PLAIN,
    RECIPE,
    DiedError,
    Witness,
    a_job,
    diverging,
    dying,
    faults,
    holdout_of_two,
    other_images,
    own_folder,
    same_weights,
    score_alone,
    unpruned,
    witnessed,
    write_images,
)
from trainers.errors import DivergedError, StateError, WorkersDifferError
from trainers.history import EpochReport
from trainers.job import STATE
from trainers.place import Place

ALONE = Place(torch.device("cpu"))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("data") / "images")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpruned(tmp_path_factory.mktemp("plain"), PLAIN)


@pytest.fixture(scope="module")
def normed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpruned(tmp_path_factory.mktemp("normed"), NORMED)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    with Group(2, tmp_path_factory.mktemp("pair")) as group:
        yield group


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    with Group(3, tmp_path_factory.mktemp("trio")) as group:
        yield group


@pytest.fixture(scope="module")
def alone(images: Path, plain: Path, tmp_path_factory: pytest.TempPathFactory) -> Witness:
    return witnessed(ALONE, a_job(images, plain, tmp_path_factory.mktemp("alone")), readers=0)


@pytest.mark.parametrize("readers", [0, 2])
@pytest.mark.parametrize("world", [1, 2, 3])
def test_workers_and_readers_change_nothing(
    world: int, readers: int, alone: Witness, images: Path, plain: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Every image has the same bits in the same step, and the weights are equal but for rounding."""
    job = a_job(images, plain, tmp_path)
    if world == 1:
        workers = [witnessed(ALONE, job, readers)]
    else:
        workers = request.getfixturevalue("pair" if world == 2 else "trio").run(witnessed, job, readers)
    assert faults(workers, alone, score_alone(job)) == set()


def test_images_in_memory_are_the_same_for_any_number_of_workers(
    pair: Group, trio: Group, images: Path, plain: Path, tmp_path: Path
) -> None:
    one = witnessed(ALONE, a_job(images, plain, tmp_path / "one"), None)
    for group, name in ((pair, "pair"), (trio, "trio")):
        workers = group.run(witnessed, a_job(images, plain, tmp_path / name), None)
        for step, whole in zip(zip(*(worker.trained for worker in workers), strict=True), one.trained, strict=True):
            assert sorted(image for part in step for image in part) == sorted(whole)
        assert all(same_weights(worker.weights, one.weights) for worker in workers)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_planted_fault_is_seen(
    mutant: str, pair: Group, alone: Witness, images: Path, plain: Path, normed: Path, tmp_path: Path
) -> None:
    """With BatchNorm the weights of two workers are others than those of one, and only the scores can be compared."""
    job = a_job(images, plain, tmp_path / "plain")
    found = faults(pair.run(witnessed, job, 0, mutant), alone, score_alone(job))
    job = a_job(images, normed, tmp_path / "normed")
    found |= faults(pair.run(witnessed, job, 0, mutant), alone, score_alone(job)) & {"scores"}
    assert found >= MUTANTS[mutant][1]


def test_with_batch_norm_too_the_score_is_that_of_the_model_that_is_written(
    pair: Group, images: Path, normed: Path, tmp_path: Path
) -> None:
    job = a_job(images, normed, tmp_path)
    for worker in pair.run(witnessed, job, 0):
        assert worker.history[-1].holdout_loss == pytest.approx(score_alone(job), rel=1e-6)


def test_more_workers_than_holdout_images(trio: Group, images: Path, plain: Path, tmp_path: Path) -> None:
    job = a_job(images, plain, tmp_path)
    workers = trio.run(holdout_of_two, job)
    assert [worker.scored for worker in workers] == [[0] * RECIPE.epochs, [1] * RECIPE.epochs, []]
    assert len({worker.history[-1].holdout_loss for worker in workers}) == 1


@pytest.mark.parametrize("readers", [None, 2])
def test_died_within_an_epoch_they_end_with_the_bits_of_the_undisturbed(
    pair: Group, readers: int | None, images: Path, normed: Path, tmp_path: Path
) -> None:
    """BatchNorm, dropout of each worker's own, and pixels: all as if the fourth step had not been interrupted."""
    whole = pair.run(witnessed, a_job(images, normed, tmp_path / "whole"), readers)
    job = a_job(images, normed, tmp_path / "parts", state_every_s=0)
    assert [type(one) for one in pair.run(dying, job, readers, 4)] == [DiedError, DiedError]
    rest = pair.run(witnessed, job, readers)
    assert [len(worker.trained) for worker in rest] == [1, 1], "three steps were not taken again"
    for ours, theirs in zip(rest, whole, strict=True):
        assert [timeless(report) for report in ours.history] == [timeless(report) for report in theirs.history]
        assert same_bits(ours.weights, theirs.weights)


def test_one_worker_too_goes_on_within_an_epoch_and_says_where(images: Path, normed: Path, tmp_path: Path) -> None:
    whole = witnessed(ALONE, a_job(images, normed, tmp_path / "whole"), 0)
    job = a_job(images, normed, tmp_path / "parts", state_every_s=0)
    with pytest.raises(DiedError):
        dying(ALONE, job, 0, 4)
    (job.out_dir / STATE).write_bytes(b"cut")
    told: list[str] = []
    rest = witnessed(ALONE, job, 0, on_progress=lambda progress: told.append(str(progress)))
    assert len(rest.trained) == 2, "the newest state is damaged: the one before is from the end of the first epoch"
    assert same_bits(rest.weights, whole.weights)
    assert told[:2] == ["reading the checkpoint and the data set", "training on 26 images, from epoch 2 on"]
    assert told[2].startswith("training: epoch 2/2, step 1/2, loss ")
    assert re.search(r" images/s, \d+% of the time waiting for them, 0:00:00 left$", told[2])


def timeless(report: EpochReport) -> EpochReport:
    return replace(report, wall_s=0.0)


def test_only_what_rank_0_reads_counts(pair: Group, images: Path, normed: Path, tmp_path: Path) -> None:
    """Rank 1 finds an older state, or none: it goes on with rank 0's, or it would write a mixture of both."""
    whole = pair.run(witnessed, a_job(images, normed, tmp_path / "whole"), None)
    for rank, died in (("0", 4), ("1", 3)):
        begun = a_job(images, normed, tmp_path / f"begun-{rank}", state_every_s=0)
        pair.run(dying, begun, None, died)
        shutil.copytree(begun.out_dir, tmp_path / "own" / rank)
    job = a_job(images, normed, tmp_path / "own")
    rest = pair.run(own_folder, job, None)
    assert [len(worker.trained) for worker in rest] == [1, 1]
    assert same_bits(rest[1].weights, whole[1].weights)
    assert same_bits(rest[0].weights, whole[0].weights)


def test_workers_that_see_other_images_are_refused_before_the_first_step(
    pair: Group, images: Path, plain: Path, tmp_path: Path
) -> None:
    for error in pair.run(other_images, a_job(images, plain, tmp_path)):
        assert isinstance(error, WorkersDifferError)
        assert "worker 1 of 2 does not see what worker 0 sees: the holdout images or their labels" in str(error)
    assert list(tmp_path.iterdir()) == []


def test_another_trainings_state_is_refused_by_all_workers(
    pair: Group, images: Path, plain: Path, normed: Path, tmp_path: Path
) -> None:
    witnessed(ALONE, a_job(images, normed, tmp_path), None)
    for error in pair.run(witnessed, a_job(images, plain, tmp_path), None):
        assert isinstance(error, StateError)
        assert "state.safetensors is the state of another training: the pruned weights differ" in str(error)


def test_what_one_worker_computes_wrongly_ends_all(pair: Group, images: Path, plain: Path, tmp_path: Path) -> None:
    for error in pair.run(diverging, a_job(images, plain, tmp_path)):
        assert isinstance(error, DivergedError)
        assert "the training loss is nan in epoch 1 after step 1 of 2" in str(error)


def test_the_hand_made_list_is_right() -> None:
    assert [list(range(HOLDOUT))[rank::2] for rank in range(2)] == [[0, 2, 4, 6], [1, 3, 5]]
