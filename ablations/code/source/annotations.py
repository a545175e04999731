"""The annotations of a script: which of its components are to be ablated.

Two forms, byte for byte: `#ABLATABLE_COMPONENT` at the end of a line (explicit: all that the line does goes away), and
a block between the comments `#ABLATION_HINT_START` and `#ABLATION_HINT_END` (a hint: something in it goes away). They
are read from comments only, so that one in a string means nothing.
"""

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from ablations.code.source.documents import Documents
from ablations.code.source.errors import AnnotationError
from ablations.code.source.names import enclosing, label_of
from ablations.code.source.region import Region, block_region, element_region, line_region

EXPLICIT = "#ABLATABLE_COMPONENT"
HINT_START = "#ABLATION_HINT_START"
HINT_END = "#ABLATION_HINT_END"


class Kind(StrEnum):
    """How a component was marked."""

    EXPLICIT = "explicit"
    HINT = "hint"


@dataclass(frozen=True, slots=True)
class Component:
    """A marked component.

    Attributes:
        name: Unique in the study, and the same when lines above it are added.
        file: Path of its document.
        first_line: The first line of its code, from 1.
        last_line: The last one.
        marked_line: The line of the annotation, or for a hint the first line of its code.
        kind: How it was marked.
        source: These lines.
        column: Of an element that was named and not marked, where it begins on its line; otherwise None.
    """

    name: str
    file: str
    first_line: int
    last_line: int
    marked_line: int
    kind: Kind
    source: str
    column: int | None = None

    def region(self, tree: ast.Module) -> Region:
        """Return where it lies in the tree of its document."""
        if self.kind is Kind.HINT:
            return block_region(tree, self.first_line, self.last_line, self.file)
        if self.column is not None:
            return element_region(tree, self.marked_line, self.column, self.file)
        return line_region(tree, self.marked_line, self.file)


def components_of(documents: Documents) -> tuple[Component, ...]:
    """Return all components, in the order of the documents and of their lines.

    Raises:
        AnnotationError: An annotation cannot be read, or a script with one is no Python.
    """
    return numbered([part for path in documents.scripts for part in _components(path, documents.texts[path])])


def numbered(found: Sequence[Component]) -> tuple[Component, ...]:
    """Return components of which those with the same name are told apart by numbers."""
    counts = Counter(component.name for component in found)
    seen: Counter[str] = Counter()
    named = []
    for component in found:
        seen[component.name] += 1
        number = f"-{seen[component.name]}" if counts[component.name] > 1 else ""
        named.append(replace(component, name=component.name + number))
    return tuple(named)


def require_components(components: tuple[Component, ...], documents: Documents) -> tuple[Component, ...]:
    """Return components, of which there is at least one.

    Raises:
        AnnotationError: There is none.
    """
    if not components:
        raise AnnotationError(
            f"Nothing is marked in {', '.join(documents.texts)}. Mark a component by {EXPLICIT} at the end of its "
            f"line, or a block by {HINT_START} above and {HINT_END} below it."
        )
    return components


def _components(file: str, text: str) -> list[Component]:
    marks = [*_marks(file, text)] if "ABLAT" in text.upper() else []
    if not marks:
        return []
    try:
        tree = ast.parse(text, filename=file)
    except SyntaxError as error:
        raise AnnotationError(f"{file}:{error.lineno}: this is no Python: {error.msg}.") from None
    return [_component(file, text, tree, *mark) for mark in marks]


def _component(file: str, text: str, tree: ast.Module, kind: Kind, first: int, last: int) -> Component:
    if kind is Kind.HINT:
        region, marked = block_region(tree, first, last, file), first
    else:
        region, marked = line_region(tree, last, file), last
        first = min(_lineno(node) for node in region.nodes)
        last = max(last, *(int(getattr(node, "end_lineno", None) or 0) for node in region.nodes))
    source = "\n".join(text.splitlines()[first - 1 : last])
    return Component(name_of(file, tree, region), file, first, last, marked, kind, source)


def name_of(file: str, tree: ast.Module, region: Region, own: str | None = None) -> str:
    """Return the name of a component by where it is and what, as `cnn:Net.__init__.norm`; `own` is the last part."""
    return f"{_stem(file)}:{'.'.join([*enclosing(tree, region.parent), own or label_of(region)])}"


def _lineno(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 1))


def _stem(file: str) -> str:
    return file.removesuffix(".py").replace("/", ".")


def _marks(file: str, text: str) -> Iterator[tuple[Kind, int, int]]:
    """Yield kind, first and last line of each annotation."""
    begun: int | None = None
    for line, comment, alone in _comments(file, text):
        problem = _problem(comment, begun, alone=alone)
        if problem is not None:
            raise AnnotationError(f"{file}:{line}: {problem}")
        if comment.endswith(EXPLICIT):
            yield Kind.EXPLICIT, line, line
        elif comment == HINT_START:
            begun = line
        elif comment == HINT_END and begun is not None:
            yield Kind.HINT, begun + 1, line - 1
            begun = None
    if begun is not None:
        raise AnnotationError(f"{file}:{begun}: {HINT_START} has no {HINT_END} below it.")


def _problem(comment: str, begun: int | None, *, alone: bool) -> str | None:
    """What is wrong with a comment as an annotation; None if nothing is, or it is none."""
    if comment.endswith(EXPLICIT):
        if alone:
            return f"{EXPLICIT} stands alone; it belongs at the end of a line of code."
        return None if begun is None else f"{EXPLICIT} stands inside the hint that begins on line {begun}."
    if comment == HINT_START and alone:
        return None if begun is None else f"{HINT_START}, but the one on line {begun} has no {HINT_END} yet."
    if comment == HINT_END and alone:
        return None if begun is not None else f"{HINT_END} without a {HINT_START} above it."
    if _MEANT.search(comment):
        return (
            f"{comment!r} is no annotation. They are {EXPLICIT} at the end of a line of code, and {HINT_START} and "
            f"{HINT_END} each on a line of its own, written exactly so; a formatter may have put a space behind the #."
        )
    return None


_MEANT = re.compile(r"#\s*(ABLATABLE[_ ]?COMPONENT|ABLATION[_ ]?HINT)", re.IGNORECASE)


def _comments(file: str, text: str) -> Iterator[tuple[int, str, bool]]:
    """Yield line, text and whether it stands alone of each comment."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError) as error:
        raise AnnotationError(f"{file}: this is no Python: {error}.") from None
    for token in tokens:
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.rstrip(), not token.line[: token.start[1]].strip()
