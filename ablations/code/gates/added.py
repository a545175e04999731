"""What one syntax tree has more of than another, whatever the order and the place."""

import ast
from collections import Counter
from collections.abc import Callable, Iterable

Chosen = Callable[[ast.AST], bool]


def added(old: ast.AST, new: ast.AST, chosen: Chosen) -> list[ast.AST]:
    """Return the nodes that a choice finds in `new` more often than in `old`; equal ones count as one."""
    left = Counter(ast.dump(node) for node in ast.walk(old) if chosen(node))
    found = []
    for node in ast.walk(new):
        if chosen(node):
            dump = ast.dump(node)
            left[dump] -= 1
            if left[dump] < 0:
                found.append(node)
    return found


def places(file: str, nodes: Iterable[ast.AST]) -> str:
    """Return the first of some nodes for a message: its line and its text."""
    node = next(iter(nodes))
    text = ast.unparse(node).splitlines()[0][:100] if isinstance(node, ast.stmt | ast.expr | ast.keyword) else ""
    return f"line {getattr(node, 'lineno', '?')} of {file}" + (f" (`{text}`)" if text else "")
