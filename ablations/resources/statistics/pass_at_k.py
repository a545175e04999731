"""pass@k: the probability that one of k independent samples passes, without bias from n ≥ k samples."""

import math


def pass_at_k(count: int, right: int, k: int) -> float:
    """Return the unbiased estimate 1 − C(n−c, k) / C(n, k) of one task (Chen et al., arXiv:2107.03374, equation 1).

    Args:
        count: n, the samples of the task.
        right: c, how many of them pass.
        k: At most n.
    """
    assert 0 < k <= count, f"pass@{k} needs at least {k} samples, not {count}"
    assert 0 <= right <= count, f"{right} of {count} samples cannot be right"
    if count - right < k:
        return 1.0
    return 1.0 - math.prod(1.0 - k / number for number in range(count - right + 1, count + 1))
