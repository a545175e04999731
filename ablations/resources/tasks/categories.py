"""The category of a task whose file states none: what its function receives in the first visible test.

Only that test is read. So a rule by category, such as "lists go to the small model", needs nothing that a model may not
see, and can be applied before the first call.
"""

import ast
from collections.abc import Iterator
from enum import StrEnum

from ablations.resources.tasks.statements import tree_of


class Category(StrEnum):
    """What a function receives: the first of these that occurs anywhere in its arguments."""

    DICTS = "dicts"
    LISTS = "lists"
    STRINGS = "strings"
    NUMBERS = "numbers"
    OTHER = "other"


_CONTAINERS = (ast.List, ast.Tuple, ast.ListComp)
_SETS_AND_DICTS = (ast.Dict, ast.Set, ast.DictComp, ast.SetComp)


def category_of(test: str, entry_point: str) -> str:
    """Return the category of a task by its first visible test.

    Args:
        test: Python that calls the function.
        entry_point: name of the function.
    """
    nodes = [node for argument in _arguments(test, entry_point) for node in ast.walk(argument)]
    if any(isinstance(node, _SETS_AND_DICTS) for node in nodes):
        return Category.DICTS
    if any(isinstance(node, _CONTAINERS) for node in nodes):
        return Category.LISTS
    values = [node.value for node in nodes if isinstance(node, ast.Constant)]
    if any(isinstance(value, str | bytes) for value in values):
        return Category.STRINGS
    if any(isinstance(value, int | float | complex) for value in values):
        return Category.NUMBERS
    return Category.OTHER


def _arguments(test: str, entry_point: str) -> Iterator[ast.expr]:
    for node in ast.walk(tree_of(test)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == entry_point:
            yield from node.args
            yield from (keyword.value for keyword in node.keywords)
            return
