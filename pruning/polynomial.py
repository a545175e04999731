"""Polynomials in the groups' kept units, evaluated exactly in a few microseconds.

A convolution costs (pixels · kernel) · inputs · outputs, and inputs and outputs are sums of kept-unit counts
(after a concatenation) or products of them (heads × dims). So a model's MACs are `F(k) = zᵀQz`, where z holds
1, the kept units k, and the few products of k that terms of degree three and more need.

Float64 holds every integer below 2⁵³ exactly. All coefficients are non-negative, so no intermediate sum is
larger than the value of the whole model: the matrix product is exact as long as that is below 2⁵³.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

_EXACT = 2**53


class Polynomial:
    """A polynomial `F(k)` with non-negative integer coefficients, one variable per group.

    Args:
        terms: monomial → coefficient, e.g. `{(): 7, (0, 2): 3}` for `7 + 3·k₀·k₂`.
        largest: the largest value of each variable, used to check that the arithmetic is exact.

    Raises:
        OverflowError: the largest value is not below 2⁵³.
    """

    def __init__(self, terms: Mapping[tuple[int, ...], int], largest: Sequence[int]) -> None:
        self.terms = dict(terms)
        self._variables = len(largest)
        halves = {monomial: _halves(monomial) for monomial in terms}
        products = sorted({half for pair in halves.values() for half in pair if len(half) > 1})
        singles: list[tuple[int, ...]] = [(i,) for i in range(self._variables)]
        place = {half: i for i, half in enumerate([(), *singles, *products])}
        longest = max(map(len, products), default=0)
        self._products = np.array(
            [[0] * (longest - len(half)) + [i + 1 for i in half] for half in products], dtype=np.intp
        )
        self._matrix = np.zeros((len(place), len(place)))
        for monomial, coefficient in terms.items():
            a, b = halves[monomial]
            self._matrix[place[a]][place[b]] += coefficient
        self._one = np.ones(1)
        if self(largest) >= _EXACT:
            raise OverflowError(f"counts up to {self(largest)} cannot be computed exactly in float64")

    def __call__(self, kept: Sequence[int]) -> int:
        """The value at one point, given as one integer per variable.

        Raises:
            ValueError: the number of integers is wrong.
        """
        z = np.concatenate((self._one, kept))
        if len(z) != self._variables + 1:
            raise ValueError(f"got {len(z) - 1} counts for {self._variables} groups")
        if len(self._products):
            z = np.concatenate((z, z[self._products].prod(axis=1)))
        return int(z @ (self._matrix @ z))

    def many(self, kept: ArrayLike) -> NDArray[np.int64]:
        """The values at many points: integers `[points, variables]` → int64 `[points]`."""
        points = np.asarray(kept, dtype=np.float64)
        z = np.concatenate((np.ones((len(points), 1)), points), axis=1)
        if len(self._products):
            z = np.concatenate((z, z[:, self._products].prod(axis=2)), axis=1)
        return np.einsum("pi,pi->p", z @ self._matrix, z).astype(np.int64)


def _halves(monomial: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    middle = len(monomial) // 2
    return monomial[:middle], monomial[middle:]
