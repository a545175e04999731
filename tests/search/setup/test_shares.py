"""As many trials share a GPU as it has room and use for."""

import pytest

from search.setup.shares import CONTEXT_BYTES, MOST, gpu_share
from trainers.measured import MeasuredStep

GIB = 2**30
TINY = MeasuredStep(taken_bytes=GIB // 8, free_bytes=80 * GIB, step_s=0.004, launch_s=0.004)
BUSY = MeasuredStep(taken_bytes=8 * GIB, free_bytes=80 * GIB, step_s=0.100, launch_s=0.025)


@pytest.mark.parametrize(
    ("step", "cpus_per_gpu", "share"),
    [
        (TINY, 64, 1 / MOST),  # the GPU waits all the time
        (TINY, 3, 0.3333),  # of which three fit, as of a rounded third they would not
        (TINY, 0.5, 1.0),
        (MeasuredStep(GIB, 80 * GIB, 0.010, 0.005), 64, 0.5),  # half the time it waits
        (MeasuredStep(GIB, 80 * GIB, 0.008, 0.006), 64, 0.25),
        (BUSY, 64, 1.0),  # a second trial would only slow the first
        (MeasuredStep(7 * GIB, 16 * GIB, 0.004, 0.004), 64, 1.0),  # room for one
        (MeasuredStep(4 * GIB, 16 * GIB, 0.004, 0.004), 64, 0.3333),
        (MeasuredStep(20 * GIB, 16 * GIB, 0.004, 0.004), 64, 1.0),  # the trial itself halves its batch
        (MeasuredStep(GIB, 80 * GIB, 0.003, 0.004), 64, 1 / MOST),  # a clock that jitters
    ],
)
def test_the_share_is_that_of_the_trials_that_fit(step: MeasuredStep, cpus_per_gpu: float, share: float) -> None:
    assert gpu_share(step, cpus_per_gpu) == share


def test_who_asks_for_more_gets_as_many_as_fit() -> None:
    assert gpu_share(BUSY, 64, asked_per_gpu=1.5) == 0.5
    assert gpu_share(MeasuredStep(7 * GIB, 16 * GIB, 0.1, 0.0), 64, asked_per_gpu=4) == 1.0
    assert gpu_share(TINY, 64, asked_per_gpu=1) == 1 / MOST


@pytest.mark.parametrize("gib", [1, 2, 5, 9, 17])
def test_trials_never_take_more_memory_than_there_is(gib: int) -> None:
    for free in range(4, 90, 7):
        step = MeasuredStep(gib * GIB, free * GIB, 0.004, 0.004)
        trials = int(1 / gpu_share(step, 64))
        assert trials == 1 or trials * (step.taken_bytes + CONTEXT_BYTES) <= step.free_bytes
