"""Find what is to blame where several things fail together and none of them alone."""

from collections.abc import Callable, Sequence


def smallest_failing(every: Sequence[int], fails: Callable[[Sequence[int]], bool]) -> list[int]:
    """A part of `every` that fails, and no longer does without any one of its members.

    Ever smaller runs are left out, as long as the rest fails.
    """
    left, run = list(every), max(1, len(every) // 2)
    while True:
        start, before = 0, len(left)
        while start < len(left):
            rest = left[:start] + left[start + run :]
            if rest and fails(rest):
                left = rest
            else:
                start += run
        if run == 1 and len(left) == before:
            return left
        run = max(1, run // 2)
