"""Owner maps: which units own each index of a parameter's dimension, as an expression instead of a table.

An index that no group owns always stays. Any other index stays exactly when all units that own it stay: one unit
for a plain channel; a head *and* a dim of every head for a row of an attention's projection.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import torch

# Number of kept units as a polynomial in the groups' kept units: `{(): 3}` is 3, `{(0, 2): 5}` is 5·k₀·k₂.
WidthTerms = dict[tuple[int, ...], int]


@dataclass(frozen=True, slots=True)
class Fixed:
    """Indices that cannot be cut."""

    size: int

    def kept(self, selection: Sequence[torch.Tensor]) -> torch.Tensor:
        """The indices that stay, in the order in which `selection` lists its units."""
        return torch.arange(self.size)

    def width(self) -> WidthTerms:
        """The number of indices that stay."""
        return {(): self.size}

    def units(self, group: int) -> torch.Tensor:
        """For each index the unit of `group` that owns it, −1 where there is none."""
        return torch.full((self.size,), -1)

    def groups(self) -> Iterator[int]:
        """The groups that own any index."""
        yield from ()


@dataclass(frozen=True, slots=True)
class Units:
    """One index for each unit of a group."""

    group: int
    size: int

    def kept(self, selection: Sequence[torch.Tensor]) -> torch.Tensor:
        """The units that the selection keeps."""
        return selection[self.group]

    def width(self) -> WidthTerms:
        """The group's kept units."""
        return {(self.group,): 1}

    def units(self, group: int) -> torch.Tensor:
        """The units themselves."""
        return torch.arange(self.size) if group == self.group else torch.full((self.size,), -1)

    def groups(self) -> Iterator[int]:
        """The group itself."""
        yield self.group


@dataclass(frozen=True, slots=True)
class Concat:
    """The concatenation of the parts' indices."""

    parts: tuple["Owner", ...]
    size: int

    def kept(self, selection: Sequence[torch.Tensor]) -> torch.Tensor:
        """Each part's kept indices, offset by the unpruned sizes of the parts before it."""
        pieces, offset = [], 0
        for part in self.parts:
            pieces.append(part.kept(selection) + offset)
            offset += part.size
        return torch.cat(pieces)

    def width(self) -> WidthTerms:
        """The sum of the parts' widths."""
        return reduce(add, (part.width() for part in self.parts))

    def units(self, group: int) -> torch.Tensor:
        """Each part's owning units."""
        return torch.cat([part.units(group) for part in self.parts])

    def groups(self) -> Iterator[int]:
        """The groups of all parts."""
        for part in self.parts:
            yield from part.groups()


@dataclass(frozen=True, slots=True)
class Grid:
    """Row-major combinations of the factors' indices: the last factor varies fastest."""

    factors: tuple["Owner", ...]
    size: int

    def kept(self, selection: Sequence[torch.Tensor]) -> torch.Tensor:
        """Every combination of indices that the factors keep."""
        indices = torch.zeros(1, dtype=torch.long)
        for factor in self.factors:
            indices = (indices[:, None] * factor.size + factor.kept(selection)).flatten()
        return indices

    def width(self) -> WidthTerms:
        """The product of the factors' widths."""
        return reduce(multiply, (factor.width() for factor in self.factors))

    def units(self, group: int) -> torch.Tensor:
        """The owning factor's units, repeated over the other factors."""
        owned = torch.full((1,), -1)
        for factor in self.factors:
            owned = torch.maximum(owned[:, None], factor.units(group)).flatten()
        return owned

    def groups(self) -> Iterator[int]:
        """The groups of all factors."""
        for factor in self.factors:
            yield from factor.groups()


Owner = Fixed | Units | Concat | Grid


def add(a: WidthTerms, b: WidthTerms) -> WidthTerms:
    """The sum of two polynomials."""
    total = dict(a)
    for monomial, coefficient in b.items():
        total[monomial] = total.get(monomial, 0) + coefficient
    return total


def multiply(a: WidthTerms, b: WidthTerms) -> WidthTerms:
    """The product of two polynomials."""
    total: WidthTerms = {}
    for m, x in a.items():
        for n, y in b.items():
            monomial = tuple(sorted(m + n))
            total[monomial] = total.get(monomial, 0) + x * y
    return total


def evaluate(terms: Mapping[tuple[int, ...], int], kept: Sequence[int]) -> int:
    """The polynomial's value in Python integers: slow and exact. `polynomial.Polynomial` is the fast version."""
    total = 0
    for monomial, coefficient in terms.items():
        total += coefficient * math.prod(kept[group] for group in monomial)
    return total
