"""Wall-clock times of functions, as medians."""

import statistics
import time
from collections.abc import Callable


def median_ms(function: Callable[[], object], *, repeats: int, calls: int = 1) -> float:
    """Median over `repeats` of the mean time of `calls` calls, in milliseconds, after one warm-up call."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(calls):
            function()
        times.append((time.perf_counter() - start) / calls * 1e3)
    return statistics.median(times)
