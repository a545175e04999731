"""Does the figure come from the same code as the original's?"""

import ast
from collections import Counter
from typing import ClassVar

from ablations.code.gates.base import Gate
from ablations.code.gates.case import Case, Runs
from ablations.code.running.facts import RunFacts
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
        before, after = _told(runs.original), _told(runs.ablated)
        if not before:
            return "the original reported no figure"
        if before == after:
            return None
        if Counter(before) == Counter(after):
            return "the ablated script reported its figures in another order than the original"
        more, less = Counter(after) - Counter(before), Counter(before) - Counter(after)
        if more and less:
            return f"the original reported {_shown(less)}, and the ablated script {_shown(more)}"
        what, told = ("also reported", more) if more else ("did not report", less)
        return f"the ablated script {what} {_shown(told)}"


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


def _told(run: RunFacts) -> list[str]:
    """What a run reported, without the values."""
    return [report.name if report.step is None else f"{report.name} at step {report.step}" for report in run.reports]


def _shown(told: Counter[str]) -> str:
    """Some of what was reported, for a message."""
    parts = [f"{name} {count} times" if count > 1 else name for name, count in told.items()]
    return ", ".join(parts[:_MOST_SHOWN]) + (
        f" and {len(parts) - _MOST_SHOWN} more" if len(parts) > _MOST_SHOWN else ""
    )


_MOST_SHOWN = 3


def _last(name: str) -> str:
    return name.rpartition(".")[2]
