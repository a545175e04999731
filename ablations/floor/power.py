"""The smallest difference that so many pairs could have shown, which gives "inconclusive" a meaning.

Under a true mean difference δ of normal differences with standard deviation s, the statistic of the paired t-test has
the noncentral t-distribution with n − 1 degrees of freedom and noncentrality δ·√n/s (Cohen, Statistical Power Analysis
for the Behavioral Sciences, 2nd edition, 1988, chapter 2). The power is the probability that it lies beyond either
critical value. The smallest detectable difference is the δ at which it is 80 % (Bloom, Minimum Detectable Effects,
Evaluation Review 19(5), 1995).
"""

import math

from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import chdtri, ndtr, stdtrit

POWER = 0.8


def smallest_detectable(sd: float, n: int, significance: float) -> float | None:
    """Return the mean difference that `n` pairs show with a probability of 80 %; None for fewer than two pairs.

    Args:
        sd: Standard deviation of the paired differences.
        n: Number of pairs.
        significance: Level of the two-sided test.
    """
    if n < 2:
        return None
    if sd == 0:
        return 0.0
    critical = float(stdtrit(n - 1, 1 - significance / 2))

    def missing(noncentrality: float) -> float:
        return power_at(noncentrality, n, critical) - POWER

    most = critical + 3.0
    while missing(most) < 0:
        most *= 2
    return float(brentq(missing, 0.0, most, xtol=1e-9)) * sd / math.sqrt(n)


def power_at(noncentrality: float, n: int, critical: float) -> float:
    """Return the probability that a paired t-statistic lies beyond ±`critical`.

    Given the estimated spread, the statistic is normal: its tails are averaged over the quantiles of χ²ₙ₋₁. SciPy's own
    function of the noncentral t gives no number for critical values as large as two or three pairs need.
    """

    def tails(quantile: float) -> float:
        edge = critical * math.sqrt(chdtri(n - 1, 1 - quantile) / (n - 1))
        return float(ndtr(noncentrality - edge) + ndtr(-noncentrality - edge))

    return float(quad(tails, 0.0, 1.0, limit=200)[0])
