"""Is every patched script Python that compiles, and means what its text says?"""

import ast
import warnings
from typing import ClassVar

from ablations.code.gates.base import Gate
from ablations.code.gates.case import Case

DEEPEST = 150
"""Levels of a syntax tree: all gates walk it."""


class Syntax(Gate):
    """Compiles each script; nothing is executed.

    A comment may declare an encoding in which the rest of the file means something else: the other gates read the text,
    and Python the bytes.
    """

    name: ClassVar[str] = "syntax"
    question: ClassVar[str] = "Is every patched script Python?"

    def of_source(self, case: Case) -> str | None:
        """Judge the documents alone."""
        for file in case.ablated.scripts:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    compile(case.new(file), file, "exec")
                    as_run = ast.parse(case.ablated.texts[file].encode(), filename=file)
                if (depth := _depth(case.new(file))) > DEEPEST:
                    return f"{file} is nested {depth} levels deep, and {DEEPEST} are the most"
            except (RecursionError, MemoryError):
                return f"{file} is nested too deep"
            except (SyntaxError, ValueError) as error:
                line = getattr(error, "lineno", None)
                return f"{file} is no Python{f' (line {line})' if line else ''}: {getattr(error, 'msg', None) or error}"
            if ast.dump(as_run) != ast.dump(case.new(file)):
                return f"{file} declares an encoding in which it is another script than its text says"
        return None


def _depth(tree: ast.Module) -> int:
    depth = 0
    level: list[ast.AST] = [tree]
    while level:
        depth += 1
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return depth
