"""The documents of a study as values: texts by relative path."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Skipped:
    """What lies in a folder and is no document, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Documents:
    """Texts by relative path, with `/` between the parts, in the order in which they were given.

    Attributes:
        texts: none is cut.
        skipped: what lies beside them in the folders that were given.
    """

    texts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    skipped: tuple[Skipped, ...] = ()

    @property
    def scripts(self) -> tuple[str, ...]:
        """The paths of those that are Python."""
        return tuple(path for path in self.texts if path.endswith(".py"))

    def tree(self, path: str) -> ast.Module:
        """Return the syntax tree of a script.

        Raises:
            SyntaxError: It is no Python.
        """
        return parsed(self.texts[path], path)

    def with_text(self, path: str, text: str) -> "Documents":
        """Return these documents with another text under a path."""
        return replace(self, texts=MappingProxyType({**self.texts, path: text}))


def parsed(text: str, path: str) -> ast.Module:
    """Return the syntax tree of a text.

    Raises:
        SyntaxError: It is no Python.
    """
    try:
        return ast.parse(text, filename=path)
    except (ValueError, RecursionError, MemoryError) as error:  # a null byte, or brackets nested too deep
        raise SyntaxError(str(error)) from error
