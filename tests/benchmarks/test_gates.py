"""The benchmark of the gates on a few cases: sources only, as each run needs torch."""

import json
import sys

import pytest

from ablations.code.gates import registry
from ablations.code.gates.scope import Scope
from benchmarks.gates import __main__ as gates
from benchmarks.gates.faults import FAULTS
from benchmarks.gates.scripts import SCRIPTS, component_of, components, good_ones

SMALL = ["gates", "--no-runs", "--per-kind", "4"]


def figures(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    monkeypatch.setattr(sys, "argv", SMALL)
    few = good_ones()[::6]
    monkeypatch.setattr(gates, "good_ones", lambda: few)
    gates.main()
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_its_last_line_counts_bad_and_good_by_kind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = figures(monkeypatch, capsys)
    assert found["good"] == found["accepted_good"] == len(good_ones()[::6])
    kinds = found["by_kind"]
    assert isinstance(kinds, dict)
    assert set(kinds) == set(FAULTS)
    # What only fails when it runs is not refused by its source.
    assert sum(kind["accepted_bad"] for name, kind in kinds.items() if name != "broken") == 0
    assert all(kind["bad"] == kind["accepted_bad"] + sum(kind["refused_by"].values()) for kind in kinds.values())


def test_a_gate_that_sleeps_is_seen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(registry, "GATES", tuple(gate for gate in registry.GATES if gate is not Scope))
    found = figures(monkeypatch, capsys)
    assert isinstance(found["accepted_bad"], int)
    assert found["accepted_bad"] > 4


def test_every_component_of_the_three_scripts_has_good_ablations_and_no_two_are_equal() -> None:
    covered = {component_of(good) for good in good_ones()}
    assert covered == {part for script in SCRIPTS for part in components(script)}
    assert len({(good.script, good.component, good.label) for good in good_ones()}) == len(good_ones()) >= 60
