"""Memory that runs out, by injected faults."""

from collections.abc import Callable, Iterator

import pytest
import torch

from trainers.memory import out_of_memory, with_less_memory
from trainers.rung_score import RungScore

CPU = RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes.")
GPU = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def score(rung: int, batch_size: int) -> RungScore:
    return RungScore(rung, rung + 1, 0.5, float(batch_size))


def faulty(fault: BaseException | None, *, at: int, up_to: int) -> Callable[[int], Iterator[RungScore]]:
    """Three rungs; `fault` before rung `at` while the batch is larger than `up_to`."""

    def start(batch_size: int) -> Iterator[RungScore]:
        for rung in range(3):
            if fault is not None and rung == at and batch_size > up_to:
                raise fault
            yield score(rung, batch_size)

    return start


@pytest.mark.parametrize("fault", [CPU, GPU, MemoryError()])
def test_it_is_scores_from_other_faults(fault: BaseException) -> None:
    assert out_of_memory(fault)
    assert not out_of_memory(RuntimeError("shapes do not match"))
    assert not out_of_memory(ValueError("can't allocate memory"))


def test_without_a_fault_nothing_is_said() -> None:
    assert [note for _, note in with_less_memory(faulty(None, at=0, up_to=0), 64)] == [None] * 3


@pytest.mark.parametrize("fault", [CPU, GPU])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_it_is_tried_once_more_with_half_the_batch(fault: BaseException, at: int) -> None:
    """Every rung is reported once; those after the fault come from the smaller batch, and say so."""
    scores = list(with_less_memory(faulty(fault, at=at, up_to=32), 64))
    assert [scored.rung for scored, _ in scores] == [0, 1, 2]
    assert [scored.loss for scored, _ in scores] == [64.0] * at + [32.0] * (3 - at)
    notes = [note for _, note in scores]
    assert notes[:at] == [None] * at
    assert all(note and note.startswith("out of memory at batch size 64, so once more at 32") for note in notes[at:])


def test_a_second_time_it_is_the_end_and_both_are_scores() -> None:
    with pytest.raises(torch.OutOfMemoryError) as caught:
        list(with_less_memory(faulty(GPU, at=0, up_to=1), 64))
    assert "once more at 32" in caught.value.__notes__[-1]


def test_another_fault_is_not_retried() -> None:
    begun: list[int] = []
    other = faulty(RuntimeError("shapes do not match"), at=1, up_to=0)

    def start(batch_size: int) -> Iterator[RungScore]:
        begun.append(batch_size)
        return other(batch_size)

    with pytest.raises(RuntimeError, match="shapes"):
        list(with_less_memory(start, 64))
    assert begun == [64]
