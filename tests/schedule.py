"""In which order the files of tests are begun: the longest first, and those that wait beside those that compute."""

from collections.abc import Iterable
from itertools import chain, zip_longest

WAITING = (
    "cli/test_kills.py",
    "search/execution/test_gpus.py",
    "trainers/test_finetune.py",
    "cli/test_ray_loss.py",
    "cli/test_llm_kills.py",
    "cli/test_llm_job.py",
    "cli/test_node_loss.py",
    "cli/test_studying.py",
    "search/execution/test_tuning.py",
)
"""Files of `tests/` that start Ray and wait for it more than half of their time, the longest first."""


def in_order(files: Iterable[str], slow: set[str]) -> list[str]:
    """Return the files in the order in which they are begun.

    One after the other, the files that wait would leave the cores idle together, and have a Ray session each at the
    same time. So they alternate with the other slow ones. The quick ones come last: what is begun last ends last, and
    while it does the other workers are idle.

    Args:
        files: names relative to `tests/`.
        slow: those with tests that are marked `slow`.
    """
    names = list(files)
    waiting = [name for name in WAITING if name in names]
    computing = [name for name in names if name in slow and name not in waiting]
    quick = [name for name in names if name not in slow and name not in waiting]
    pairs = chain.from_iterable(zip_longest(waiting, computing))
    return [*(name for name in pairs if name is not None), *quick]
