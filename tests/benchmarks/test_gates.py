"""The benchmark of the gates on a few cases: sources only, as each run needs torch."""

import json
import sys
import threading
from collections.abc import Sequence

import pytest

from ablations.code.gates import registry
from ablations.code.gates.scope import Scope
from ablations.code.running.facts import Ended, RunFacts
from ablations.code.source.documents import Documents
from benchmarks.gates import __main__ as gates
from benchmarks.gates.faults import FAULTS
from benchmarks.gates.running import PooledRuns
from benchmarks.gates.scripts import SCRIPTS, component_of, components, good_ones, original

SMALL = ["gates", "--no-runs", "--per-kind", "2"]


def figures(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    monkeypatch.setattr(sys, "argv", SMALL)
    few = good_ones()[::14]
    monkeypatch.setattr(gates, "good_ones", lambda: few)
    gates.main()
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_its_last_line_counts_bad_and_good_by_kind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = figures(monkeypatch, capsys)
    assert found["good"] == found["accepted_good"] == len(good_ones()[::14])
    kinds = found["by_kind"]
    assert isinstance(kinds, dict)
    assert set(kinds) <= set(FAULTS)
    assert len(kinds) > 20
    # What only fails when it runs is not refused by its source.
    assert sum(kind["accepted_bad"] for name, kind in kinds.items() if name != "broken") == 0
    assert all(kind["bad"] == kind["accepted_bad"] + sum(kind["refused_by"].values()) for kind in kinds.values())


def test_a_gate_that_sleeps_is_seen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(registry, "GATES", tuple(gate for gate in registry.GATES if gate is not Scope))
    found = figures(monkeypatch, capsys)
    assert isinstance(found["accepted_bad"], int)
    assert found["accepted_bad"] > 4


class Counting:
    """Counts how often each script is run; each run reports another number."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._lock = threading.Lock()

    def run(self, documents: Documents, script: str, arguments: Sequence[str]) -> RunFacts:
        with self._lock:
            self.texts.append(documents.texts[script])
            number = len(self.texts)
        return RunFacts(ended=Ended.RETURNED, detail=f"{number} {' '.join(arguments)}")


def test_each_script_runs_once_and_the_original_twice_several_at_a_time() -> None:
    runner, made = Counting(), []
    runs = PooledRuns(runner, workers=3)
    first = original("tabular.py").texts["tabular.py"]
    wanted = [("tabular.py", "a = 1"), ("tabular.py", "a = 2"), ("tabular.py", "a = 1")]
    runs.make(wanted, lambda done, of: made.append((done, of)))
    assert sorted(runner.texts) == sorted([first, first, "a = 1", "a = 2"])
    assert made == [(1, 3), (2, 3), (3, 3)]
    found = runs.of("tabular.py", "a = 2")
    assert len({found.original.detail, found.null.detail, found.ablated.detail}) == 3
    assert found.ablated.detail.endswith(" --seed 1")


def test_every_kind_of_fault_can_be_planted_somewhere() -> None:
    # Some components have no place for some kinds; every kind has some.
    assert [kind for kind, plant in FAULTS.items() if not any(True for good in good_ones() for _ in plant(good))] == []


def test_every_component_of_the_scripts_has_good_ablations_and_no_two_are_equal() -> None:
    covered = {component_of(good) for good in good_ones()}
    assert covered == {part for script in SCRIPTS for part in components(script)}
    assert len({(good.script, good.component, good.label) for good in good_ones()}) == len(good_ones()) >= 60
