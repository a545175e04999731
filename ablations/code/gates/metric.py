"""Does the figure come from the same code as the original's?"""

import ast
from collections import Counter
from typing import ClassVar

from ablations.code.gates.base import Gate
from ablations.code.gates.case import Case, Runs
from ablations.code.source.flow import MetricCode, metric_code
from ablations.code.source.names import bound_by


class Metric(Gate):
    """Compares what reports, what is reported, the functions that compute it and all that they reach.

    A component inside that code cannot be ablated: its removal would change how the figure is measured.
    """

    name: ClassVar[str] = "metric"
    question: ClassVar[str] = "Is the figure computed by the same code?"

    def of_source(self, case: Case) -> str | None:
        """Judge the documents alone."""
        old = metric_code([tree for _, tree, _ in case.pairs()])
        new = metric_code([tree for _, _, tree in case.pairs()])
        if not old.reports:
            return "the script reports no figure: it has to call `report(name, value)`"
        inside = {id(node) for statement in old.statements for node in ast.walk(statement)}
        if any(id(node) in inside for node in case.old_nodes()):
            return f"{case.component.name} lies in the code that computes the figure"
        for name, function in old.functions.items():
            if name not in new.functions or ast.dump(function) != ast.dump(new.functions[name]):
                return f"the function {name}, which computes the figure, was changed"
        if _dumps(old) != _dumps(new):
            return "what is reported, or a value that its functions read, was changed"
        return _rebound(case, old)

    def of_runs(self, case: Case, runs: Runs) -> str | None:
        """Judge what the runs reported."""
        before = [report.name for report in runs.original.reports]
        after = [report.name for report in runs.ablated.reports]
        if not before:
            return "the original reported no figure"
        if before != after:
            return f"the original reported {', '.join(before)}, and the ablated script {', '.join(after) or 'nothing'}"
        return None


def _dumps(code: MetricCode) -> list[str]:
    return sorted(ast.dump(statement) for statement in (*code.reports, *code.bindings, *code.constants))


def _rebound(case: Case, code: MetricCode) -> str | None:
    """Whether a name of that code means something else now."""
    names = {*code.functions, "report"}
    before = Counter(_last(name) for _, old, _ in case.pairs() for name in bound_by([old]))
    after = Counter(_last(name) for _, _, new in case.pairs() for name in bound_by([new]))
    for name in sorted(names):
        if before[name] != after[name]:
            return f"the name {name}, by which the figure is computed, is bound {after[name]} times, not {before[name]}"
    return None


def _last(name: str) -> str:
    return name.rpartition(".")[2]
