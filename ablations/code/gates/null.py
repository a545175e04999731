"""Does the null ablation reproduce the original's figures?"""

from typing import ClassVar

from ablations.code.gates.base import Gate
from ablations.code.gates.case import Case, Runs


class Null(Gate):
    """Compares two runs of the same code: figures that differ between them say nothing about a component."""

    name: ClassVar[str] = "null"
    question: ClassVar[str] = "Does the null ablation reproduce the original's figures?"

    def of_runs(self, case: Case, runs: Runs) -> str | None:
        """Judge what the runs reported."""
        before = {report.name: report.value for report in runs.original.reports}
        again = {report.name: report.value for report in runs.null.reports}
        if set(before) != set(again):
            return f"the original reported {sorted(before)}, and the null ablation {sorted(again)}"
        for name, value in before.items():
            if again[name] != value:
                return f"{name} is {value!r} in the original and {again[name]!r} in the null ablation, with one seed"
        return None
