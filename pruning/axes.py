"""Find out which indices of which tensor dimensions must be kept or cut together.

Every dimension of every tensor in a traced model is an *axis*: an ordered set of indices. Axes start as
*leaves*. What the model does with them is recorded as a refinement that all tensors sharing the axis see:

* `torch.cat` makes an axis that is the **concatenation** of others; slicing and chunking cut a leaf into one;
* `reshape` makes an axis that is the row-major **grid** of others (heads × dims); the opposite reshape splits
  a leaf into one;
* an elementwise operation, or a layer's input, **unites** two axes: from then on they are the same.

What remains as leaves are the model's prunable groups: index *i* of a leaf may be cut alone, and every tensor
dimension that reaches the leaf, through any nesting of concatenations and grids, follows its cut.
A leaf is *fixed* when its length cannot change (pixels, classes). Where a structure is neither a
concatenation nor a grid of existing axes, its leaves are fixed: cutting less is always correct.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import pairwise, product

Axis = int


class AxisMismatchError(Exception):
    """Two axes to be united differ in length. Internal: the tracer adds the layer's name."""


class Form(Enum):
    """How an axis is composed."""

    LEAF = auto()
    CONCAT = auto()
    GRID = auto()


@dataclass(frozen=True, slots=True, eq=False)
class Cause:
    """Why an axis cannot be cut. Two causes are one only if they are the same object: it stands for one set of units.

    Attributes:
        layer: the layer in which it was fixed.
        operation: the operation that fixed it.
        why: what that operation does with it.
    """

    layer: str
    operation: str
    why: str


@dataclass(slots=True)
class _Node:
    size: int
    form: Form = Form.LEAF
    children: tuple[Axis, ...] = ()
    fixed: bool = False
    same_as: Axis | None = None
    cause: Cause | None = None


class Axes:
    """A union-find over axes whose sets can be refined by concatenation and by product.

    Attributes:
        at: the layer and the operation that are being followed, for the causes of what they fix.
    """

    def __init__(self) -> None:
        self._nodes: list[_Node] = []
        self._constants: dict[int, Axis] = {}
        self.at = ("", "")

    # ---- making axes

    def leaf(self, size: int) -> Axis:
        """A new axis about which nothing is known yet; with at most one index it is a constant."""
        if size <= 1:
            return self.constant(size)
        return self._add(_Node(size))

    def constant(self, size: int) -> Axis:
        """The axis of `size` indices that can never be cut."""
        if size not in self._constants:
            self._constants[size] = self._add(_Node(size, fixed=True))
        return self._constants[size]

    def fixed(self, size: int, why: str) -> Axis:
        """A new axis that can never be cut, for a reason that is worth telling."""
        if size <= 1:
            return self.constant(size)
        return self._add(_Node(size, fixed=True, cause=Cause(*self.at, why)))

    def concat(self, parts: Iterable[Axis]) -> Axis:
        """The concatenation of the parts."""
        runs = tuple(run for part in parts for run in self._runs(part) if self.size(run))
        if len(runs) == 1:
            return runs[0]
        return self._add(_Node(sum(map(self.size, runs)), Form.CONCAT, runs, fixed=not runs))

    def grid(self, factors: Iterable[Axis]) -> Axis:
        """The row-major product of the factors: the last one varies fastest."""
        flat = tuple(factor for axis in factors for factor in self._factors(axis))
        if not flat:
            return self.constant(1)
        if len(flat) == 1:
            return flat[0]
        return self._add(_Node(math.prod(map(self.size, flat)), Form.GRID, flat))

    # ---- queries

    def find(self, axis: Axis) -> Axis:
        """The representative of all axes that are united with this one."""
        if self._nodes[axis].same_as is None:
            return axis
        root, passed = axis, []
        while (parent := self._nodes[root].same_as) is not None:
            passed.append(root)
            root = parent
        cause = self._nodes[root].cause
        for member in reversed(passed):  # each keeps the nearest cause when its way is shortened
            node = self._nodes[member]
            node.same_as, cause = root, node.cause or cause
            node.cause = cause
        return root

    def size(self, axis: Axis) -> int:
        """The number of indices of the unpruned axis."""
        return self._nodes[axis].size

    def form(self, axis: Axis) -> Form:
        """Leaf, concatenation or grid."""
        return self._node(axis).form

    def children(self, axis: Axis) -> tuple[Axis, ...]:
        """The parts of a concatenation or the factors of a grid."""
        return self._node(axis).children

    def terms(self, axis: Axis) -> Iterator[tuple[Axis, ...]]:
        """The sets of leaves that own an index together: one for each part of a concatenation, all of a grid."""
        root = self.find(axis)
        children = self._nodes[root].children
        if self._nodes[root].form is Form.LEAF:
            yield (root,)
        elif self._nodes[root].form is Form.CONCAT:
            for child in children:
                yield from self.terms(child)
        else:
            for combined in product(*(self.terms(child) for child in children)):
                yield tuple(leaf for term in combined for leaf in term)

    def leaves(self, axis: Axis) -> Iterator[Axis]:
        """Every leaf that this axis reaches, in order; a leaf that is reached twice occurs twice."""
        root = self.find(axis)
        if self._nodes[root].form is Form.LEAF:
            yield root
            return
        for child in self._nodes[root].children:
            yield from self.leaves(child)

    def identity(self, axis: Axis) -> tuple[object, ...]:
        """A value that is equal for equal axes: those united, and those composed alike of the same leaves."""
        if self.form(axis) is Form.LEAF:
            return (self.find(axis),)
        flat = self._runs(axis) if self.form(axis) is Form.CONCAT else self._factors(axis)
        return (self.form(axis), *(self.identity(child) for child in flat))

    def is_fixed(self, axis: Axis) -> bool:
        """Whether no index of this axis can ever be cut."""
        return all(self._nodes[leaf].fixed for leaf in self.leaves(axis))

    def cause(self, leaf: Axis) -> Cause | None:
        """Why this leaf is fixed; None if it is free, or fixed by nature (pixels, tokens, kernels)."""
        return self._nodes[leaf].cause or self._nodes[self.find(leaf)].cause

    # ---- refinements

    def fix(self, axis: Axis, why: str | None = None) -> None:
        """Declare that no index of this axis can be cut.

        Args:
            axis: the axis.
            why: what the operation that is being followed does with it; None for what nobody would want to cut.
        """
        for leaf in list(self.leaves(axis)):
            node = self._nodes[leaf]
            if not node.fixed:
                node.fixed = True
                node.cause = None if why is None else Cause(*self.at, why)

    def unite(self, a: Axis, b: Axis) -> None:
        """Declare two axes equal: index i of one is cut exactly when index i of the other is.

        Raises:
            AxisMismatchError: the axes differ in length.
        """
        a, b = self.find(a), self.find(b)
        if a == b:
            return
        if self.size(a) != self.size(b):
            raise AxisMismatchError(f"axes of {self.size(a)} and {self.size(b)} indices meet")
        if self.is_fixed(a) or self.is_fixed(b):
            self._fix_both(a, b)
        elif self.form(a) is not Form.LEAF and self.form(b) is not Form.LEAF:
            self._unite_parts(a, b)
        if self.form(a) is Form.LEAF:
            self._nodes[a].same_as = b
        else:
            self._nodes[b].same_as = a

    def cut(self, axis: Axis, sizes: Sequence[int]) -> list[Axis]:
        """Divide the axis into consecutive runs of the given sizes, whose sum is its own size."""
        assert sum(sizes) == self.size(axis), (sizes, self.size(axis))
        if self.is_fixed(axis):
            return [self._fixed_part(axis, size) for size in sizes]
        waiting = deque(self._runs(axis))
        return [self._take_run(waiting, size) for size in sizes]

    def split(self, axis: Axis, sizes: Sequence[int]) -> list[Axis]:
        """Factor the axis into a row-major grid of the given sizes, whose product is its own size."""
        assert math.prod(sizes) == self.size(axis), (sizes, self.size(axis))
        if self.is_fixed(axis):
            return [self._fixed_part(axis, size) for size in sizes]
        waiting = deque(self._factors(axis))
        taken = [self._take_factor(waiting, size) for size in sizes]
        if None in taken:
            self.fix(axis, "its reshape goes across what is cut together")
            return [self._fixed_part(axis, size) for size in sizes]
        return [factor for factor in taken if factor is not None]

    # ---- refining nodes in place

    def _fixed_part(self, axis: Axis, size: int) -> Axis:
        """A part of a fixed axis; it is fixed for the same reason."""
        cause = next((cause for leaf in self.leaves(axis) if (cause := self.cause(leaf)) is not None), None)
        if cause is None or size <= 1:
            return self.constant(size)
        return self._add(_Node(size, fixed=True, cause=cause))

    def _fix_both(self, a: Axis, b: Axis) -> None:
        """Fix two axes of which one is fixed, for the same reason, or for none if that one has none."""
        causes = [cause for side in (a, b) for leaf in self.leaves(side) if (cause := self.cause(leaf)) is not None]
        for side in (a, b):
            leaves = list(self.leaves(side))
            for leaf in leaves:
                node = self._nodes[leaf]
                if not node.fixed:
                    node.fixed = True
                    # Each leaf of a composite axis is a set of units of its own.
                    node.cause = None if not causes else causes[0] if len(leaves) == 1 else replace(causes[0])

    def _add(self, node: _Node) -> Axis:
        self._nodes.append(node)
        return len(self._nodes) - 1

    def _node(self, axis: Axis) -> _Node:
        return self._nodes[self.find(axis)]

    def _become(self, axis: Axis, form: Form, children: Sequence[Axis]) -> None:
        node = self._node(axis)
        node.form, node.children, node.fixed = form, tuple(children), False

    def _runs(self, axis: Axis) -> list[Axis]:
        """The axis without nested concatenations."""
        axis = self.find(axis)
        if self._nodes[axis].form is not Form.CONCAT:
            return [axis]
        return [run for child in self._nodes[axis].children for run in self._runs(child)]

    def _factors(self, axis: Axis) -> list[Axis]:
        """The axis without nested grids and without factors of one index."""
        axis = self.find(axis)
        if self._nodes[axis].form is not Form.GRID:
            return [axis] if self.size(axis) != 1 else []
        return [factor for child in self._nodes[axis].children for factor in self._factors(child)]

    def _take_run(self, waiting: deque[Axis], size: int) -> Axis:
        taken = []
        while size:
            run = waiting.popleft()
            if self.size(run) > size:
                run, tail = self._cut_run(run, size)
                waiting.extendleft(reversed(self._runs(tail)))
            taken.append(run)
            size -= self.size(run)
        return self.concat(taken)

    def _cut_run(self, run: Axis, at: int) -> tuple[Axis, Axis]:
        rest = self.size(run) - at
        if self.is_fixed(run):
            return self._fixed_part(run, at), self._fixed_part(run, rest)
        if self.form(run) is Form.LEAF:
            head, tail = self.leaf(at), self.leaf(rest)
        else:
            outer, *inner = self._factors(run)
            stride = self.size(run) // self.size(outer)
            if at % stride:  # the cut goes through a row of the grid: no form describes the halves
                self.fix(run, "a slice of it ends inside a row of what is cut together")
                return self._fixed_part(run, at), self._fixed_part(run, rest)
            first, second = self.cut(outer, [at // stride, rest // stride])
            head, tail = self.grid([first, *inner]), self.grid([second, *inner])
        self._become(run, Form.CONCAT, (head, tail))
        return head, tail

    def _take_factor(self, waiting: deque[Axis], size: int) -> Axis | None:
        taken = []
        while size > 1:
            factor = waiting.popleft()
            length = self.size(factor)
            if length % size == 0 and length != size:
                factor, inner = self._split_factor(factor, size)
                waiting.extendleft(reversed(self._factors(inner)))
                length = size
            elif size % length:
                return None
            taken.append(factor)
            size //= length
        return self.grid(taken)

    def _split_factor(self, factor: Axis, outer_size: int) -> tuple[Axis, Axis]:
        inner_size = self.size(factor) // outer_size
        if self.is_fixed(factor):
            return self._fixed_part(factor, outer_size), self._fixed_part(factor, inner_size)
        if self.form(factor) is Form.LEAF:
            outer, inner = self.leaf(outer_size), self.leaf(inner_size)
        elif all(self.size(run) % inner_size == 0 for run in self._runs(factor)):
            pairs = [self.split(run, [self.size(run) // inner_size, inner_size]) for run in self._runs(factor)]
            for _, other in pairs[1:]:
                self.unite(pairs[0][1], other)
            outer, inner = self.concat(pair[0] for pair in pairs), pairs[0][1]
        else:
            rows = self.cut(factor, [inner_size] * outer_size)
            for other in rows[1:]:
                self.unite(rows[0], other)
            outer, inner = self.constant(outer_size), rows[0]
        self._become(factor, Form.GRID, (outer, inner))
        return outer, inner

    def _unite_parts(self, a: Axis, b: Axis) -> None:
        """Refine two composite axes until their parts correspond, then unite those."""
        if Form.CONCAT in (self.form(a), self.form(b)):
            sizes = _common_runs([self.size(r) for r in self._runs(a)], [self.size(r) for r in self._runs(b)])
            pairs = zip(self.cut(a, sizes), self.cut(b, sizes), strict=True)
        else:
            common = _common_factors([self.size(f) for f in self._factors(a)], [self.size(f) for f in self._factors(b)])
            if common is None:
                self.fix(a, "it meets an axis whose parts do not correspond to its own")
                self.fix(b, "it meets an axis whose parts do not correspond to its own")
                return
            pairs = zip(self.split(a, common), self.split(b, common), strict=True)
        for x, y in pairs:
            self.unite(x, y)


def _common_runs(a: Sequence[int], b: Sequence[int]) -> list[int]:
    """The coarsest division that has every boundary of both: `[2, 4], [3, 3]` gives `[2, 1, 3]`."""
    boundaries = sorted(set(_cumulative(a)) | set(_cumulative(b)))
    return [end - start for start, end in zip([0, *boundaries], boundaries, strict=False)]


def _cumulative(sizes: Sequence[int]) -> list[int]:
    return [sum(sizes[: i + 1]) for i in range(len(sizes))]


def _common_factors(a: Sequence[int], b: Sequence[int]) -> list[int] | None:
    """The coarsest grid that refines both: `[4, 6], [2, 12]` gives `[2, 2, 6]`; None if there is none."""
    strides = sorted({math.prod(a[i:]) for i in range(len(a) + 1)} | {math.prod(b[i:]) for i in range(len(b) + 1)})
    steps = list(pairwise(strides))
    if any(big % small for small, big in steps):
        return None
    return [big // small for small, big in reversed(steps)]
