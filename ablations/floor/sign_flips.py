"""The exact test of paired differences by sign flips (Fisher, The Design of Experiments, 1935, section 21).

If nothing but chance decides which of two gets the better of a pair, every difference could as well have the other
sign. The p-value is the share of all 2ⁿ assignments of signs whose mean is at least as far from zero as the one seen.
"""

from collections.abc import Sequence

import numpy as np

MOST_EXACT = 16
"""Differences whose assignments are all counted; beyond, `_DRAWN` random ones stand for them."""
_DRAWN = 2**16
_SEED = 20261127


def sign_flip_p_value(differences: Sequence[float]) -> float | None:
    """Return the two-sided p-value; None for fewer than two differences.

    With n differences it is at least 2/2ⁿ. Beyond `MOST_EXACT` it is estimated from assignments drawn with a fixed
    seed, with the one seen among them, so that it is never zero.
    """
    n = len(differences)
    if n < 2:
        return None
    values = np.asarray(differences, dtype=np.float64)
    if n <= MOST_EXACT:
        bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    else:
        bits = np.random.default_rng(_SEED).integers(0, 2, (_DRAWN, n))
        bits[0] = 0
    sums = np.abs((1 - 2 * bits) @ values)
    # Sums of the same numbers in other orders differ by rounding, and count as equal.
    return float(np.mean(sums >= abs(values.sum()) - 1e-12 * np.abs(values).sum()))
