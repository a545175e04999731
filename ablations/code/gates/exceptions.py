"""Is every failure still seen?"""

import ast
from typing import ClassVar

from ablations.code.gates.added import added, places
from ablations.code.gates.base import Gate
from ablations.code.gates.case import Case
from ablations.code.source.names import callee, dotted

_HIDING = frozenset(
    {"suppress", "errstate", "seterr", "filterwarnings", "simplefilter", "catch_warnings", "excepthook"}
)


class Exceptions(Gate):
    """No exception is caught that was not caught before, and no way to hide one is new."""

    name: ClassVar[str] = "exceptions"
    question: ClassVar[str] = "Is every failure still seen?"

    def of_source(self, case: Case) -> str | None:
        """Judge the documents alone."""
        for file, old, new in case.pairs():
            if more := added(old, new, _hides):
                return f"a failure is hidden on {places(file, more)}"
        return None


def _hides(node: ast.AST) -> bool:
    match node:
        case ast.Try() | ast.TryStar() | ast.ExceptHandler():
            return True
        case ast.Call():
            return callee(node) in _HIDING
        case ast.Attribute(ctx=ast.Store()):
            return (dotted(node) or "").endswith("excepthook")
    return False
