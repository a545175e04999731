"""Does the null ablation reproduce the original's figures?"""

from collections.abc import Sequence
from typing import ClassVar

from ablations.code.gates.base import Gate
from ablations.code.gates.case import Case, Runs
from ablations.code.running.facts import Reported


class Null(Gate):
    """Compares two runs of the same code: figures that differ between them say nothing about a component."""

    name: ClassVar[str] = "null"
    question: ClassVar[str] = "Does the null ablation reproduce the original's figures?"

    def of_runs(self, case: Case, runs: Runs) -> str | None:
        """Judge what the runs reported."""
        before, again = runs.original.reports, runs.null.reports
        if [(one.name, one.step) for one in before] != [(one.name, one.step) for one in again]:
            return f"the original reported {_shown(before)}, and the null ablation {_shown(again)}"
        for one, other in zip(before, again, strict=True):
            if one.value != other.value:
                at = "" if one.step is None else f" at step {one.step}"
                return (
                    f"{one.name}{at} is {one.value!r} in the original and {other.value!r} in the null ablation, "
                    "with one seed"
                )
        return None


def _shown(reports: Sequence[Reported]) -> str:
    return f"{len(reports)} values ({', '.join(sorted({one.name for one in reports})) or 'of nothing'})"
