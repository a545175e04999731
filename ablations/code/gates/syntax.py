"""Is every patched script Python that compiles?"""

import warnings
from typing import ClassVar

from ablations.code.gates.base import Gate
from ablations.code.gates.case import Case


class Syntax(Gate):
    """Compiles each script; nothing is executed."""

    name: ClassVar[str] = "syntax"
    question: ClassVar[str] = "Is every patched script Python?"

    def of_source(self, case: Case) -> str | None:
        """Judge the documents alone."""
        for file in case.ablated.scripts:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    compile(case.new(file), file, "exec")
            except (SyntaxError, ValueError) as error:
                line = getattr(error, "lineno", None)
                return f"{file} is no Python{f' (line {line})' if line else ''}: {getattr(error, 'msg', None) or error}"
        return None
