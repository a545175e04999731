"""Judges ablations, good and bad ones, and counts."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ablations.code.gates.case import Case
from ablations.code.gates.registry import Ruling, judge
from ablations.code.source.documents import Documents
from benchmarks.gates.running import PooledRuns
from benchmarks.gates.scripts import SCRIPTS, Good, component_of, original


@dataclass(frozen=True, slots=True)
class Tried:
    """One ablation.

    Attributes:
        good: The good one, or the one in which a fault was planted.
        kind: Of the fault; None for the good one itself.
        label: Of the fault.
        text: The whole script.
    """

    good: Good
    kind: str | None
    label: str
    text: str

    @property
    def component(self) -> str:
        """Which component is to be gone."""
        return self.good.component


class Bench:
    """Judges first all sources, then the runs of those that may run.

    Args:
        runs: None judges sources only; nothing is then accepted for good.
        say: Shows a line.
    """

    def __init__(self, runs: PooledRuns | None, say: Callable[[str], None]) -> None:
        self._runs, self._say = runs, say
        self.rulings: list[tuple[Tried, Ruling]] = []

    def judge(self, tried: Sequence[Tried]) -> None:
        """Judge ablations."""
        sources = [(one, judge(self._case(one))) for one in tried]
        if self._runs is not None:
            self._runs.make([(one.good.script, one.text) for one, ruling in sources if ruling.may_run], self._progress)
        for one, ruling in sources:
            final = judge(self._case(one, self._runs)) if self._runs is not None and ruling.may_run else ruling
            self.rulings.append((one, final))
            if one.kind is None and not self._accepts(final):
                self._say(f"good, refused: {one.component}, {one.good.label}: {final.reason}")
            if one.kind is not None and self._accepts(final):
                self._say(f"bad, accepted: {one.kind}, {one.component}, {one.good.label}, {one.label}")

    def figures(self) -> dict[str, Any]:
        """The result as JSON values."""
        good = [(one, ruling) for one, ruling in self.rulings if one.kind is None]
        bad = [(one, ruling) for one, ruling in self.rulings if one.kind is not None]
        kinds = dict.fromkeys(one.kind for one, _ in bad)
        return {
            "scripts": list(SCRIPTS),
            "runs": self._runs is not None,
            "bad": len(bad),
            "accepted_bad": sum(self._accepts(ruling) for _, ruling in bad),
            "good": len(good),
            "accepted_good": sum(self._accepts(ruling) for _, ruling in good),
            "good_refusals": [
                f"{one.component}, {one.good.label}: {ruling.reason}"
                for one, ruling in good
                if not self._accepts(ruling)
            ],
            "by_kind": {str(kind): self._of_kind([r for one, r in bad if one.kind == kind]) for kind in kinds},
        }

    def _of_kind(self, rulings: Sequence[Ruling]) -> dict[str, Any]:
        refused = [ruling for ruling in rulings if not self._accepts(ruling)]
        return {
            "bad": len(rulings),
            "accepted_bad": len(rulings) - len(refused),
            "refused_by": dict(Counter(ruling.refusals[0].gate for ruling in refused)),
        }

    def _accepts(self, ruling: Ruling) -> bool:
        return ruling.accepted if self._runs is not None else ruling.may_run

    def _progress(self, done: int, of: int) -> None:
        if done % 20 == 0 or done == of:
            self._say(f"{done} of {of} scripts have run")

    @staticmethod
    def _case(one: Tried, runs: PooledRuns | None = None) -> Case:
        script = one.good.script
        made = None if runs is None else runs.of(script, one.text)
        return Case(component_of(one.good), original(script), Documents({script: one.text}), made)
