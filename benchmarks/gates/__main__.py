"""Measure whether the gates of code ablation let bad ablations through, and good ones.

`python -m benchmarks.gates`

Good ablations of three scripts are written by hand (`benchmarks.gates.scripts`), and faults are planted in them
(`benchmarks.gates.faults`). Each goes through all gates; what passes on its source is run, and the runs are judged too.
Prints progress and a table; the last line is one JSON object: `bad` and `accepted_bad`, `good` and `accepted_good`,
`good_refusals` with their reasons, and `by_kind` with the gates that refused first.

The scripts run in forks of this process without a sandbox: they are ours, and all that is bad is refused by its source
or by what the run reports.
"""

import argparse
import json
import random
from collections import Counter
from typing import Any

from ablations.code.gates.case import Case, Runs
from ablations.code.gates.registry import Ruling, judge
from ablations.code.source.documents import Documents
from benchmarks.gates.faults import FAULTS
from benchmarks.gates.forked import ForkedRunner
from benchmarks.gates.scripts import SCRIPTS, Good, component_of, good_ones, original

_ARGUMENTS = {"tabular.py": ("--seed", "1")}
_OTHERWISE = ("--seed", "1", "--epochs", "1")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-kind", type=int, default=45, help="bad ablations of each kind, at most")
    parser.add_argument("--seed", type=int, default=0, help="draws which ones")
    parser.add_argument("--no-runs", action="store_true", help="judge sources only; nothing is then accepted for good")
    options = parser.parse_args()
    bench = Bench(runs=not options.no_runs)
    for good in good_ones():
        bench.try_good(good)
    print(f"{'good':22}{bench.good:5} tried, {bench.accepted_good} accepted", flush=True)
    for kind in FAULTS:
        for good, label, text in _drawn(kind, options.per_kind, random.Random(f"{options.seed}.{kind}")):
            bench.try_bad(kind, good, label, text)
        print(f"{kind:22}{bench.bad[kind]:5} planted, {bench.accepted[kind]} accepted", flush=True)
    print(json.dumps(bench.figures()))


def _drawn(kind: str, most: int, dice: random.Random) -> list[tuple[Good, str, str]]:
    """Different bad scripts of one kind, drawn from all."""
    planted = {
        (good.script, good.component, text): (good, label, text)
        for good in good_ones()
        for label, text in FAULTS[kind](good)
    }
    found = list(planted.values())
    dice.shuffle(found)
    return found[:most]


class Bench:
    """Judges ablations and counts.

    Args:
        runs: Whether to run what passes on its source.
    """

    def __init__(self, *, runs: bool) -> None:
        self._runner = ForkedRunner() if runs else None
        self.good = self.accepted_good = 0
        self.refusals: list[str] = []
        self.bad: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.refused_by: dict[str, Counter[str]] = {}
        self._references: dict[str, Runs] = {}

    def try_good(self, good: Good) -> None:
        """Judge a good ablation."""
        ruling = self._ruling(good, good.text)
        self.good += 1
        self.accepted_good += self._accepts(ruling)
        if not self._accepts(ruling):
            self.refusals.append(f"{good.component}, {good.label}: {ruling.reason}")
            print(f"good, refused: {self.refusals[-1]}", flush=True)

    def try_bad(self, kind: str, good: Good, label: str, text: str) -> None:
        """Judge a bad one."""
        ruling = self._ruling(good, text)
        self.bad[kind] += 1
        if self._accepts(ruling):
            self.accepted[kind] += 1
            print(f"bad, accepted: {kind}, {good.component}, {good.label}, {label}", flush=True)
        else:
            self.refused_by.setdefault(kind, Counter())[ruling.refusals[0].gate] += 1

    def figures(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "scripts": list(SCRIPTS),
            "runs": self._runner is not None,
            "bad": sum(self.bad.values()),
            "accepted_bad": sum(self.accepted.values()),
            "good": self.good,
            "accepted_good": self.accepted_good,
            "good_refusals": self.refusals,
            "by_kind": {
                kind: {
                    "bad": count,
                    "accepted_bad": self.accepted[kind],
                    "refused_by": dict(self.refused_by.get(kind, {})),
                }
                for kind, count in self.bad.items()
            },
        }

    def _accepts(self, ruling: Ruling) -> bool:
        return ruling.accepted if self._runner is not None else ruling.may_run

    def _ruling(self, good: Good, text: str) -> Ruling:
        component = component_of(good)
        ablated = Documents({good.script: text})
        ruling = judge(Case(component, original(good.script), ablated))
        if self._runner is None or not ruling.may_run:
            return ruling
        reference = self._reference(good.script)
        runs = Runs(reference.original, reference.null, self._runner.run(ablated, good.script, _arguments(good.script)))
        return judge(Case(component, original(good.script), ablated, runs))

    def _reference(self, script: str) -> Runs:
        """The original's run, and the null ablation's; the latter stands in for the ablated one."""
        assert self._runner is not None, "sources only"
        if script not in self._references:
            first, again = (self._runner.again(original(script), script, _arguments(script)) for _ in range(2))
            self._references[script] = Runs(first, again, again)
        return self._references[script]


def _arguments(script: str) -> tuple[str, ...]:
    return _ARGUMENTS.get(script, _OTHERWISE)


if __name__ == "__main__":
    main()
