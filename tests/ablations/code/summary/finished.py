"""A finished study, written by hand: what it holds in its ledger, and what its conditions left in their folders."""

import json
from pathlib import Path
from typing import Any

from ablations.code.running.facts import Ended, Reported, RunFacts
from ablations.code.source.annotations import components_of
from ablations.code.summary.outline import Outline
from ablations.floor.condition import Condition
from ablations.floor.figure import Direction, Figure
from ablations.floor.questions import Contrast
from ablations.floor.results import Outcome, Results
from tests.ablations.code.scripts import DOCUMENTS, FILE, NORM, RELU, SKIP, WIDTH

SEEDS = (1, 2, 3)
LOSS = Figure(key="loss", title="Loss", better=Direction.LOWER, digits=3)
VALUES = {
    "original": (0.50, 0.52, 0.54),
    "null": (0.50, 0.52, 0.54),
    NORM: (0.80, 0.83, 0.83),
    RELU: (0.51, 0.50, None),
    SKIP: (None, None, None),
}
"""The figure of each variant by seed; None failed."""
IDLE = 26
"""The line of `torch.relu`, the only component that never ran here."""
NO_PATCH = "no accepted patch takes it away (attempt 1: …)"


def outline() -> Outline:
    """What the study is about."""
    questions = tuple(
        Contrast(
            key=f"without_{number}",
            text=f"What becomes of Loss without {name}?",
            figure="loss",
            better=Direction.LOWER,
            first={"variant": "original"},
            second={"variant": name},
        )
        for number, name in enumerate((NORM, RELU, SKIP))
    )
    left_out = {WIDTH: "it was not asked for"}
    return Outline(DOCUMENTS, components_of(DOCUMENTS), (LOSS,), questions, left_out=left_out)


def condition(variant: str, seed: int) -> Condition:
    """One of the study's conditions."""
    return Condition(factors={"variant": variant}, seed=seed)


def results() -> Results:
    """What came of all conditions."""
    return Results(
        tuple(_outcome(variant, seed) for variant in VALUES for seed in SEEDS),
        prepared(),
    )


def _outcome(variant: str, seed: int) -> Outcome:
    value = VALUES[variant][seed - 1]
    if value is not None:
        return Outcome(condition(variant, seed), figures={"loss": value})
    return Outcome(condition(variant, seed), error=NO_PATCH if variant == SKIP else "invalid: seed: another one")


def prepared() -> dict[str, dict[str, Any]]:
    """The journal: one attempt each at two components, two at the third."""
    refused = {"gate": "gone", "accepted": False, "reason": "nothing was removed"}
    passed = {"gate": "syntax", "accepted": True, "reason": ""}
    wrong = attempt(accepted=False, reason="gone: nothing was removed", gates=[passed, refused])
    return {
        "baseline/1": {},
        f"component/{RELU}/attempt/1": attempt(accepted=True, gates=[passed]),
        f"component/{NORM}/attempt/1": wrong,
        f"component/{NORM}/attempt/2": attempt(accepted=True, cost_usd=0.02, tokens=200, gates=[passed]),
        f"component/{SKIP}/attempt/1": {**wrong, "cost_usd": None, "tokens": None},
    }


def attempt(**facts: Any) -> dict[str, Any]:
    """An entry of the journal."""
    usual = {"answer": "…", "outcome": "answered", "cost_usd": 0.01, "tokens": 100, "sandbox": None, "reason": ""}
    return {**usual, "patch": None, **facts}


def write_artifacts(folder: Path) -> None:
    """Write what the conditions left."""
    for outcome in results().outcomes:
        variant, seed = str(outcome.condition.factors["variant"]), outcome.condition.seed
        if variant == SKIP:
            continue
        own = folder / outcome.condition.file_name
        own.mkdir(parents=True)
        is_invalid = outcome.figures is None
        reason = "another seed" if is_invalid else ""
        gates = [{"gate": "seed", "accepted": not is_invalid, "reason": reason}]
        (own / "facts.json").write_text(_facts(variant, seed).model_dump_json(), encoding="utf-8")
        (own / "gates.json").write_text(json.dumps([] if variant == "original" else gates), encoding="utf-8")


def _facts(variant: str, seed: int) -> RunFacts:
    start = 9.0 if (variant, seed) == (RELU, 3) else 1.0 + seed / 10  # of the invalid one, which must not be drawn
    curve = tuple(Reported(name="training", value=start / step, step=step) for step in (1, 2))
    lines = tuple(line for line in range(2, 60) if line != IDLE)
    return RunFacts(ended=Ended.RETURNED, reports=(*curve, Reported(name="loss", value=0.5)), executed={FILE: lines})
