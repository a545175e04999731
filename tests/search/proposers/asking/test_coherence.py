"""Rationales against numbers: what is reported must be certain."""

import json
from pathlib import Path

import pytest

from search.proposers.asking.coherence import contradictions
from tests.search import support

SETS = support.space().profile.sets
UP = [0.1 + 0.08 * entry.depth * 8 for entry in SETS]
DOWN = [0.74 - 0.08 * entry.depth * 8 for entry in SETS]
FLAT = [0.3] * len(SETS)


@pytest.mark.parametrize(
    ("rationale", "ratios", "expected"),
    [
        ("Spare the early layers, whose features everything is made of.", UP, "keeps more of the early layers"),
        ("Prune the last stages hard; they are redundant.", UP, "cuts more of the late layers"),
        ("Protect deep layers because classes separate there.", DOWN, "keeps more of the late layers"),
        ("Cut the stem aggressively.", DOWN, "cuts more of the early layers"),
        ("A uniform cut of everything.", UP, "uniform"),
        ("The same ratio everywhere.", DOWN, "uniform"),
        ("I give set 2 a ratio: set 2 at 0.9.", FLAT, "0.9 for set 2"),
        ("Keep set 3 at 80 %.", FLAT, "0.8 for set 3"),
        ("Set 99 is the dearest.", FLAT, "there are 9"),
    ],
)
def test_a_contradiction_is_reported(rationale: str, ratios: list[float], expected: str) -> None:
    found = contradictions(rationale, ratios, SETS)
    assert any(expected in claim for claim in found), found


@pytest.mark.parametrize(
    ("rationale", "ratios"),
    [
        ("Spare the early layers.", DOWN),
        ("Spare the early layers.", FLAT),
        ("Prune early layers gently.", UP),
        ("Not uniform: late layers matter.", UP),
        ("Nearly uniform, with the costly stem cut harder.", UP),
        ("Keep the early layers narrow.", UP),
        ("Early layers cost most MACs.", UP),
        ("Cut less from the late layers than from the early ones.", UP),
        ("Wide early layers and a narrow last stage.", DOWN),
        ("Set 3 at 0.3, set 4 keeps 30 %.", FLAT),
        ("Set 3 has 16 units.", FLAT),
        ("", UP),
    ],
)
def test_what_is_not_certain_is_not_reported(rationale: str, ratios: list[float]) -> None:
    assert contradictions(rationale, ratios, SETS) == ()


def test_the_rehearsal_is_coherent() -> None:
    script = json.loads((Path(__file__).resolve().parents[4] / "docs" / "rehearsal.json").read_text())
    strategies = [strategy for answer in script["answers"] for strategy in answer["strategies"]]
    assert strategies
    for strategy in strategies:
        assert contradictions(strategy["rationale"], strategy["keep"], SETS) == (), strategy["rationale"]
