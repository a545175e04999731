"""What the text of a reference and of its tests says: which names there are, and what is called with what."""

import ast
import re
import warnings

from ablations.resources.tasks.errors import TaskError

NO_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What parsing raises."""
_FILE = "<code of a task or a model>"

# Python would tell the user of each `"\d"` in code that is not theirs. The filter is by the file's name, and stays: one
# that is set only while something is parsed would be set for all threads.
for _category in (SyntaxWarning, DeprecationWarning):
    warnings.filterwarnings("ignore", category=_category, module=re.escape(_FILE))


def tree_of(source: str) -> ast.Module:
    """Parse Python, without warnings.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it is none, or too deep.
    """
    return ast.parse(source, filename=_FILE)


def parsed(source: str, what: str) -> ast.Module:
    """Parse Python.

    Args:
        source: it.
        what: name for the error, such as "`code`".

    Raises:
        TaskError: it is no Python.
    """
    try:
        return tree_of(source)
    except NO_PYTHON as error:
        raise TaskError(f"{what} is no Python: {error}; received {shortened(source)}") from error


def entry_point_of(reference: str, test: str) -> str:
    """The function of a reference that a test calls: the outermost one, where it calls several.

    Raises:
        TaskError: one of them is no Python, or the test calls nothing of the reference.
    """
    defined = defined_names(parsed(reference, "`code`"))
    for node in ast.walk(parsed(test, "a test")):  # outermost first
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in defined:
            return node.func.id
    raise TaskError(
        f"the first test calls nothing that `code` defines at its top ({', '.join(sorted(defined)) or 'nothing'}); "
        f"received {shortened(test)}"
    )


def defined_names(tree: ast.Module) -> set[str]:
    """The names that a module binds at its top level by `def`, `class` or `=`."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def checked_test(test: str) -> str:
    """Return a test without the white space around it.

    Raises:
        TaskError: it is no Python, or asserts nothing.
    """
    if not any(isinstance(node, ast.Assert) for node in ast.walk(parsed(test.strip(), "a test"))):
        raise TaskError(f"a test asserts nothing; it has to be like `assert f(1) == 2`; received {shortened(test)}")
    return test.strip()


def shortened(text: str, most: int = 80) -> str:
    """A text in quotes, cut to a length that fits into a message."""
    return repr(text) if len(text) <= most else f"{text[:most]!r}…"
