"""Is the figure computed, and not written down?"""

import ast
import math
from typing import ClassVar

from ablations.code.gates.added import added, places
from ablations.code.gates.base import Gate
from ablations.code.gates.case import Case, Runs
from ablations.code.source.flow import is_report, metric_code, reported_value
from ablations.code.source.names import callee

_WRITING = frozenset(
    {"report", "print", "write", "writelines", "write_text", "write_bytes", "open", "system", "run", "Popen", "dump"}
)
_DYNAMIC = frozenset(
    {"exec", "eval", "compile", "__import__", "import_module", "setattr", "delattr", "globals", "locals", "vars"}
)
_FREE = frozenset({"float", "int", "round", "str", "abs", "min", "max", "sum", "len", "True", "False"})


class Computed(Gate):
    """No figure is a constant, nothing more is reported or written, and no code is made at run time."""

    name: ClassVar[str] = "computed"
    question: ClassVar[str] = "Is the figure computed, and not written down?"

    def of_source(self, case: Case) -> str | None:
        """Judge the documents alone."""
        before = metric_code([old for _, old, _ in case.pairs()])
        after = metric_code([new for _, _, new in case.pairs()])
        for statement in after.reports:
            for call in (node for node in ast.walk(statement) if isinstance(node, ast.Call) and is_report(node)):
                value = reported_value(call)
                if value is not None and _is_constant(value):
                    return f"the figure `{ast.unparse(value)}` is written down, not computed"
        known = {ast.dump(binding) for binding in before.bindings}
        for binding in after.bindings:
            value = getattr(binding, "value", None)
            if value is not None and _is_constant(value) and ast.dump(binding) not in known:
                return f"`{ast.unparse(binding)}` writes the figure down"
        for file, old, new in case.pairs():
            if more := added(old, new, _writes):
                return f"something more is reported, written or executed on {places(file, more)}"
        return None

    def of_runs(self, case: Case, runs: Runs) -> str | None:
        """Judge what the runs reported."""
        for report in runs.ablated.reports:
            if not math.isfinite(report.value):
                return f"{report.name} is {report.value}"
        if runs.ablated.steps != runs.original.steps:
            return f"the ablated script trained {runs.ablated.steps} steps, and the original {runs.original.steps}"
        return None


def _writes(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and callee(node) in _WRITING | _DYNAMIC


def _is_constant(value: ast.expr) -> bool:
    """Whether a value is the same whatever the script does."""
    names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
    return names <= _FREE
