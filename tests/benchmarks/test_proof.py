"""A small attack on the proof: every kind of fault, twice."""

import random

import pytest

from benchmarks.proof.__main__ import attack, figures
from benchmarks.proof.faults import FAULTS
from benchmarks.proof.networks import fault_of, random_network, spec
from pruning.planning import build_plan
from pruning.settling import probes


@pytest.mark.parametrize("kind", FAULTS)
def test_no_planted_fault_passes_and_every_sound_plan_does(kind: str) -> None:
    total = figures([attack(random.Random(f"{kind}.{number}"), kind, number) for number in range(2)])
    assert total["planted"] == total["sound"] == total["accepted_sound"] == 2
    assert total["accepted_unsound"] == total["planner_unsound"] == 0


def test_the_referee_finds_a_fault_without_any_proof() -> None:
    rng = random.Random(1)
    network = random_network(rng, must=("gate",))
    plan = build_plan(network, spec(), verify=False)
    assert fault_of(network, plan, probes(plan)) is None
    planter, _ = FAULTS["layer_missing"]
    broken = planter(network, plan, rng)
    assert broken is not None
    assert fault_of(network, broken, probes(plan)) is not None
