"""Where a component lies in a syntax tree: neighbours in one list of one node."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ablations.code.source.errors import AnnotationError


@dataclass(frozen=True, slots=True)
class Region:
    """Neighbouring statements of a body, or neighbouring elements of a list, a tuple, a dict or a call.

    Attributes:
        parent: The node that they belong to.
        field: Its field that holds them. For a dict it is `values`, and the keys belong to them.
        start: Index of the first.
        stop: Index behind the last.
    """

    parent: ast.AST
    field: str
    start: int
    stop: int

    @property
    def nodes(self) -> list[ast.AST]:
        """The component's nodes, for a dict the keys too."""
        found: list[ast.AST] = list(getattr(self.parent, self.field)[self.start : self.stop])
        if isinstance(self.parent, ast.Dict):
            found += [key for key in self.parent.keys[self.start : self.stop] if key is not None]
        return found


def line_region(tree: ast.Module, line: int, file: str) -> Region:
    """Return what an explicit annotation at the end of a line marks.

    That is the statement that begins on the line, whole; or else the elements that lie on the line; or else the
    statement that ends there.

    Raises:
        AnnotationError: The line holds neither.
    """
    beginning = [found for found in _bodies(tree) if _first_line(found.nodes[0]) == line]
    if beginning:
        first, last = beginning[0], beginning[-1]
        same = [found for found in beginning if found.parent is first.parent and found.field == first.field]
        return Region(first.parent, first.field, first.start, same[-1].stop if last in same else first.stop)
    inside = _outermost(tree, line, line)
    if inside:
        return _joined(inside, f"{file}:{line}")
    ending = [found for found in _bodies(tree) if _last_line(found.nodes[0]) == line]
    simple = [found for found in ending if not hasattr(found.nodes[0], "body")]
    if simple:
        return simple[0]
    raise AnnotationError(f"{file}:{line}: the annotation marks no statement and no element of a list.")


def element_region(tree: ast.Module, line: int, column: int, file: str) -> Region:
    """Return the element of a list, a tuple, a set or a call that begins at a place.

    Args:
        tree: Of the file.
        line: From 1.
        column: As of `ast`.
        file: For the message.

    Raises:
        AnnotationError: None begins there.
    """
    for parent, field, index, node in _listed(tree):
        begins = (getattr(node, "lineno", 0), getattr(node, "col_offset", -1)) == (line, column)
        if begins and field in ("elts", "args"):
            return Region(parent, field, index, index + 1)
    raise AnnotationError(f"{file}:{line}: no element of a list or a call begins at column {column + 1}.")


def block_region(tree: ast.Module, first: int, last: int, file: str) -> Region:
    """Return what a hint's block holds: whole statements of one body, or whole elements of one list.

    Args:
        tree: Of the file.
        first: The first line behind the start.
        last: The last line before the end.
        file: For the message.

    Raises:
        AnnotationError: It holds nothing, or a part of something.
    """
    where = f"{file}:{first - 1}-{last + 1}"
    inside = _outermost(tree, first, last)
    if not inside:
        raise AnnotationError(f"{where}: there is no code between the start and the end of the hint.")
    region = _joined(inside, where)
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and _straddles(node, first, last) and not _contains(node, region):
            raise AnnotationError(f"{where}: the hint cuts through the statement on line {node.lineno}.")
    return region


def _straddles(node: ast.stmt, first: int, last: int) -> bool:
    begin, end = _first_line(node), _last_line(node)
    return (begin < first <= end) or (begin <= last < end)


def _contains(node: ast.AST, region: Region) -> bool:
    return any(inner is region.parent for inner in ast.walk(node))


def _bodies(tree: ast.Module) -> Iterator[Region]:
    for parent, field, index, node in _listed(tree):
        if isinstance(node, ast.stmt):
            yield Region(parent, field, index, index + 1)


def _listed(tree: ast.AST) -> Iterator[tuple[ast.AST, str, int, ast.AST]]:
    """Yield every node that is in a list of another one, from the outside in."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if isinstance(value, list):
                yield from (
                    (parent, field, index, node) for index, node in enumerate(value) if isinstance(node, ast.AST)
                )


def _outermost(tree: ast.Module, first: int, last: int) -> list[Region]:
    """The outermost nodes that lie within some lines; one that is in no list is a region of field ''."""
    found: list[Region] = []

    def search(parent: ast.AST) -> None:
        for field, value in ast.iter_fields(parent):
            for index, node in enumerate(value if isinstance(value, list) else [value]):
                if not isinstance(node, ast.AST):
                    continue
                if hasattr(node, "lineno") and first <= _first_line(node) and _last_line(node) <= last:
                    is_element = isinstance(value, list) and field in _LISTS
                    found.append(Region(parent, field if is_element else "", index, index + 1))
                else:
                    search(node)

    search(tree)
    return found


_LISTS = frozenset({"body", "orelse", "finalbody", "elts", "args", "keywords", "keys", "values"})


def _joined(regions: list[Region], where: str) -> Region:
    """One region of neighbours."""
    kept = [region for region in regions if not (isinstance(region.parent, ast.Dict) and region.field == "keys")]
    first = kept[0] if kept else regions[0]
    together = [region for region in kept if region.parent is first.parent and region.field == first.field]
    joined = Region(first.parent, first.field, first.start, together[-1].stop if together else first.stop)
    is_whole = bool(together) and len(together) == len(kept) == joined.stop - joined.start
    is_list = isinstance(first.parent, ast.List | ast.Tuple | ast.Set | ast.Dict | ast.Call) or first.field in _BODIES
    if not (is_whole and is_list and first.field):
        raise AnnotationError(
            f"{where}: the annotation marks a part of an expression. Mark a whole statement, or whole elements of "
            "a list or a call; give the part a statement of its own."
        )
    return joined


_BODIES = frozenset({"body", "orelse", "finalbody"})


def _first_line(node: ast.AST) -> int:
    decorators = getattr(node, "decorator_list", ())
    return min([int(getattr(node, "lineno", 0) or 0), *(int(each.lineno) for each in decorators)])


def _last_line(node: ast.AST) -> int:
    return int(getattr(node, "end_lineno", 0) or getattr(node, "lineno", 0) or 0)
