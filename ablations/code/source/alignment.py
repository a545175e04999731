"""What a patched script has in place of a component, if everything else is as it was.

Two syntax trees are laid side by side. In the component's region anything may stand. Outside of it a patch may only
take away, where a name is used that the component alone binds:

* a call of a use becomes its own first argument: `self.norm(x)` becomes `x`;
* a sum or product with a use becomes its other operand: `x + skip`, or `x + 0.1 * skip`, becomes `x`;
* an element of a list or tuple that is a use goes away;
* a statement that only applies a use goes away: `x = self.norm(x)`, `x += skip`.

And it may import torch, numpy or math under the usual name, if that is free. Comments and layout mean nothing.
Everything else is a `Mismatch`.
"""

import ast
import builtins
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from ablations.code.source.names import bound_by, dotted, parents
from ablations.code.source.region import Region
from ablations.code.source.uses import Uses

IMPORTS = frozenset(
    {
        *("import torch", "import torch.nn", "import torch.nn as nn", "import torch.nn.functional as F"),
        *("from torch import nn", "from torch.nn import functional as F", "from torch.nn import Identity"),
        *("from torch import zeros_like", "from torch import ones_like", "from torch import zeros"),
        *("import numpy", "import numpy as np", "import math"),
    }
)
"""What may be imported in addition, exactly so: under another name it could stand for something else."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """How a patched tree differs.

    Attributes:
        replacement: What stands in the region.
        reductions: What was taken away elsewhere, each with what is left of it.
        imports: Those that were added.
    """

    replacement: tuple[ast.AST, ...] = ()
    reductions: tuple[tuple[ast.AST, ast.AST | None], ...] = ()
    imports: tuple[ast.stmt, ...] = ()

    def __add__(self, other: "Alignment") -> "Alignment":
        return Alignment(
            self.replacement + other.replacement, self.reductions + other.reductions, self.imports + other.imports
        )


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A change that the component does not explain.

    Attributes:
        old: The statement as it was; empty if there was none.
        new: As it is; empty if it is gone.
        line: Of the original.
    """

    old: str
    new: str
    line: int


def align(old: ast.Module, new: ast.Module, region: Region) -> Alignment | Mismatch:
    """Compare two trees of one file.

    Args:
        old: The original, to which `region` belongs.
        new: The patched one.
        region: The component's.
    """
    matcher = _Matcher(old, region)
    return matcher.node(old, new) or matcher.mismatch()


_SAME = Alignment()
_Item = ast.AST | tuple[ast.AST | None, ast.AST] | str | None


class _Matcher:
    """Compares recursively; where several explanations are possible, the region takes as much as it can."""

    def __init__(self, old: ast.Module, region: Region) -> None:
        self._region = region
        self._uses = Uses(old, region)
        read = {node.id for node in ast.walk(old) if isinstance(node, ast.Name)}  # `from x import *` binds unseen
        self._taken = frozenset({*bound_by([old]), *read, *dir(builtins)})
        self._around = _line_to(old, region.parent)
        self._furthest = Mismatch("", "", 0)
        self._dumps: dict[int, str] = {}

    def mismatch(self) -> Mismatch:
        return self._furthest

    def node(self, old: ast.AST, new: ast.AST) -> Alignment | None:
        if id(old) not in self._around and self._dump(old) == self._dump(new):
            return _SAME
        if id(old) not in self._around and not self._uses.within(old):
            return None
        if type(old) is type(new) and (found := self._fields(old, new)) is not None:
            return found
        return self._reduced(old, new) if isinstance(old, ast.expr) and isinstance(new, ast.expr) else None

    def _fields(self, old: ast.AST, new: ast.AST) -> Alignment | None:
        total = _SAME
        for name in old._fields:
            if isinstance(old, ast.Dict) and name == "keys":
                continue
            found = self._field(old, name, _values(old, name), _values(new, name))
            if found is None:
                return None
            total += found
        return total

    def _field(self, parent: ast.AST, name: str, old: object, new: object) -> Alignment | None:
        if isinstance(old, list) and isinstance(new, list):
            return self._sequence(parent, name, old, new)
        if isinstance(old, ast.AST) and isinstance(new, ast.AST):
            return self.node(old, new)
        return _SAME if type(old) is type(new) and old == new else None

    def _sequence(self, parent: ast.AST, name: str, old: list[_Item], new: list[_Item]) -> Alignment | None:
        is_region = parent is self._region.parent and name == self._region.field
        start = self._region.start if is_region else -1
        known: dict[tuple[int, int], Alignment | None] = {}

        def rest(i: int, j: int) -> Alignment | None:
            same = self._alike(old[i : start if i <= start else None], new[j:])
            i, j = i + same, j + same
            if (i, j) not in known:
                known[i, j] = replaced(j) if i == start else step(i, j)
            return known[i, j]

        def replaced(j: int) -> Alignment | None:
            for end in range(len(new), j - 1, -1):
                after = rest(self._region.stop, end)
                if after is not None:
                    return Alignment(replacement=tuple(_nodes(new[j:end]))) + after
            return None

        def step(i: int, j: int) -> Alignment | None:
            if i == len(old) and j == len(new):
                return _SAME
            for here, i_after, j_after in self._moves(parent, old[i : i + 1], new[j : j + 1]):
                after = rest(i + i_after, j + j_after)
                if after is not None:
                    return here + after
            self._note(old[i : i + 1], new[j : j + 1])
            return None

        return rest(0, 0)

    def _alike(self, old: Sequence[_Item], new: Sequence[_Item]) -> int:
        """How many items at the beginning of both are equal: they need no recursion, whose depth is limited."""
        unequal = (index for index, pair in enumerate(zip(old, new, strict=False)) if not self._is_same(*pair))
        return next(unequal, min(len(old), len(new)))

    def _is_same(self, old: _Item, new: _Item) -> bool:
        if isinstance(old, tuple) and isinstance(new, tuple):
            return self._is_same(old[0], new[0]) and self._is_same(old[1], new[1])
        if isinstance(old, ast.AST) and isinstance(new, ast.AST):
            return id(old) not in self._around and self._dump(old) == self._dump(new)
        return type(old) is type(new) and old == new

    def _moves(self, parent: ast.AST, old: Sequence[_Item], new: Sequence[_Item]) -> list[tuple[Alignment, int, int]]:
        """The ways to go on: both match, the old one was taken away, or the new one is an allowed import."""
        moves = []
        if old and new and (both := self._item(old[0], new[0])) is not None:
            moves.append((both, 1, 1))
        if old and isinstance(old[0], ast.AST) and self._may_go(parent, old[0]):
            moves.append((Alignment(reductions=((old[0], None),)), 1, 0))
        if new and isinstance(parent, ast.Module) and isinstance(new[0], ast.stmt) and self._may_come(new[0]):
            moves.append((Alignment(imports=(new[0],)), 0, 1))
        return moves

    def _item(self, old: _Item, new: _Item) -> Alignment | None:
        if isinstance(old, tuple) and isinstance(new, tuple):
            key, value = self._field_pair(old[0], new[0]), self.node(old[1], new[1])
            return None if key is None or value is None else key + value
        return self._field_pair(old, new)

    def _field_pair(self, old: _Item, new: _Item) -> Alignment | None:
        if isinstance(old, ast.AST) and isinstance(new, ast.AST):
            return self.node(old, new)
        return _SAME if type(old) is type(new) and old == new else None

    def _may_go(self, parent: ast.AST, old: ast.AST) -> bool:
        match old:
            case ast.expr():
                return isinstance(parent, ast.List | ast.Tuple) and self._uses.has(old)
            case ast.Assign(targets=[target], value=ast.Call(args=[argument, *_]) as call):
                return self._uses.has(call) and dotted(target) is not None and dotted(target) == dotted(argument)
            case ast.AugAssign(value=value) | ast.Expr(value=value):
                return self._uses.has(value)
        return False

    def _may_come(self, new: ast.stmt) -> bool:
        return ast.unparse(new) in IMPORTS and not set(bound_by([new])) & self._taken

    def _reduced(self, old: ast.expr, new: ast.expr) -> Alignment | None:
        taken = Alignment(reductions=((old, new),))
        if self._uses.has(old):
            for argument in old.args[:1] if isinstance(old, ast.Call) else ():
                if (found := self.node(argument, new)) is not None:
                    return taken + found
        if isinstance(old, ast.BinOp):
            for side in self._other_sides(old):
                if (found := self.node(side, new)) is not None:
                    return taken + found
        return None

    def _other_sides(self, old: ast.BinOp) -> list[ast.expr]:
        """What is left of an operation without an operand that is a use; of a product with a number nothing is."""
        match old.op:
            case ast.Add():
                return [old.right] * self._uses.is_term(old.left) + [old.left] * self._uses.is_term(old.right)
            case ast.Sub():
                return [old.left] * self._uses.is_term(old.right)
            case ast.Mult():
                sides = [old.right] * self._uses.has(old.left) + [old.left] * self._uses.has(old.right)
                return [side for side in sides if not isinstance(side, ast.Constant)]
        return []

    def _note(self, old: Sequence[_Item], new: Sequence[_Item]) -> None:
        """Remember the furthest statement that did not match, for the message."""
        before, after = _deepest(*(next(_nodes(side), None) for side in (old, new)))
        line: int = getattr(before, "lineno", 0) or getattr(after, "lineno", 0)
        if line > self._furthest.line and isinstance(before or after, ast.stmt):
            self._furthest = Mismatch(_shown(before), _shown(after), line)

    def _dump(self, node: ast.AST) -> str:
        if id(node) not in self._dumps:
            self._dumps[id(node)] = ast.dump(node)
        return self._dumps[id(node)]


def _line_to(tree: ast.AST, node: ast.AST) -> set[int]:
    """The ids of a node and of all nodes around it."""
    above, found = parents(tree), {id(node)}
    while id(node) in above:
        node = above[id(node)]
        found.add(id(node))
    return found


def _values(node: ast.AST, name: str) -> object:
    if isinstance(node, ast.Dict):
        return list(zip(node.keys, node.values, strict=True))
    return getattr(node, name, None)


def _nodes(items: Sequence[_Item]) -> Iterator[ast.AST]:
    for item in items:
        for node in item if isinstance(item, tuple) else (item,):
            if isinstance(node, ast.AST):
                yield node


def _deepest(old: ast.AST | None, new: ast.AST | None) -> tuple[ast.AST | None, ast.AST | None]:
    """The first statements that differ inside two that have bodies of their own and begin alike."""
    bodies = [getattr(node, "body", None) if isinstance(node, ast.stmt) else None for node in (old, new)]
    if type(old) is not type(new) or None in bodies or _shown(old) != _shown(new):
        return old, new
    for before, after in zip_longest(*(body or [] for body in bodies)):
        if before is None or after is None or ast.dump(before) != ast.dump(after):
            return _deepest(before, after)
    return old, new


def _shown(node: ast.AST | None) -> str:
    return "" if node is None else ast.unparse(node).splitlines()[0][:120]
