"""How much of a GPU a trial takes: as many trials share one as fit into its memory and can make use of it."""

import math

from trainers.measured import MeasuredStep

CONTEXT_BYTES = 3 * 2**28
"""What a process takes of a GPU before it computes: CUDA's context and the code of its libraries, 0.75 GiB."""
USED = 0.9
"""Of the memory that is free, so much is given away: allocators leave gaps."""
MOST = 8
"""Trials on one GPU; more of them wait for each other's kernels."""
_GRAIN = 10_000
"""Ray counts shares in ten-thousandths; a third, rounded up, would not fit three times."""


LEAST = 1 / MOST
"""The smallest share, which is assumed where none has been measured yet."""


def gpu_share(step: MeasuredStep, cpus_per_gpu: float, asked_per_gpu: float = 0.0) -> float:
    """Return the share of a GPU that a trial takes, so that as many run on it as it has room and use for.

    Room is memory. Of use is a further trial while the GPU waits: in a step that takes no longer with the whole batch
    than with one image, the GPU has next to nothing to do, and eight trials share it; in one that takes twice as long,
    two do.

    Args:
        step: as it was measured.
        cpus_per_gpu: how many trials of a GPU there are CPUs for.
        asked_per_gpu: how many trials the user asked for, who gets as many as there is room for, of use or not.
    """
    room = int(step.free_bytes * USED // (step.taken_bytes + CONTEXT_BYTES))
    waiting = min(1.0, step.launch_s / step.step_s)
    useful = MOST if waiting > 1 - 1 / MOST else round(1 / (1 - waiting))
    useful = max(useful, math.ceil(asked_per_gpu))
    trials = max(1, min(room, useful, int(cpus_per_gpu), MOST))
    return _GRAIN // trials / _GRAIN
