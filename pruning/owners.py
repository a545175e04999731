"""Who owns each index of a parameter's dimension: the owner map, kept as an expression instead of a table.

An index that no group owns always stays. Otherwise it stays exactly when all units that own it stay: one unit
for a plain channel, a head *and* a dim of every head for a row of an attention's projection.
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
    """Indices that nobody may cut."""

    size: int

    def kept(self, selection: Sequence[torch.Tensor]) -> torch.Tensor:
        """The indices that stay, in the order that `selection` gives its units."""
        return torch.arange(self.size)

    def width(self) -> WidthTerms:
        """How many indices stay."""
        return {(): self.size}

    def units(self, group: int) -> torch.Tensor:
        """For each index the unit of `group` that owns it, −1 where none does."""
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
        """Its group."""
        yield self.group


@dataclass(frozen=True, slots=True)
class Concat:
    """The parts' indices one after the other."""

    parts: tuple["Owner", ...]
    size: int

    def kept(self, selection: Sequence[torch.Tensor]) -> torch.Tensor:
        """Each part's own, moved behind the unpruned parts before it."""
        pieces, offset = [], 0
        for part in self.parts:
            pieces.append(part.kept(selection) + offset)
            offset += part.size
        return torch.cat(pieces)

    def width(self) -> WidthTerms:
        """The sum of the parts' widths."""
        return reduce(add, (part.width() for part in self.parts))

    def units(self, group: int) -> torch.Tensor:
        """Each part's own."""
        return torch.cat([part.units(group) for part in self.parts])

    def groups(self) -> Iterator[int]:
        """Those of all parts."""
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
        """The owning factor's, repeated over the others."""
        owned = torch.full((1,), -1)
        for factor in self.factors:
            owned = torch.maximum(owned[:, None], factor.units(group)).flatten()
        return owned

    def groups(self) -> Iterator[int]:
        """Those of all factors."""
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
    """The polynomial's value, slowly and in Python's integers; `polynomial.Polynomial` is the fast one."""
    total = 0
    for monomial, coefficient in terms.items():
        total += coefficient * math.prod(kept[group] for group in monomial)
    return total
