"""Run records as they are read back from MLflow."""

from dataclasses import replace

from tracking.kinds import RunStatus
from tracking.mirror.records import RunRecord

BASE = RunRecord(
    run_id="r",
    mlflow_run_id="m",
    experiment="espalier",
    model="tiny",
    dataset="digits",
    proposer="rules",
    llm=None,
    seed=0,
    status=RunStatus.FINISHED,
    started_ms=0,
    counter="fvcore",
    target_macs=1_000_000,
    band_macs=(950_000, 1_010_000),
    baseline_macs=10_000_000,
    baseline_accuracy=0.98,
    winner_macs=999_000,
    accuracy=0.9,
    trials_proposed=16,
    revisions=0,
    wall_s=60.0,
    config={"epochs": "3", "trials": "16", "seed": "0", "proposer": "rules"},
)


def run(arm: str = "rules", seed: int = 0, accuracy: float | None = 0.9, **changes: object) -> RunRecord:
    """Return a finished run of `arm`; `llm:x` is the LLM arm of model x."""
    proposer, _, llm = arm.partition(":")
    name = str(changes.pop("run_id", f"{arm}-{seed}"))
    base = replace(BASE, run_id=name, proposer=proposer, llm=llm or None, seed=seed, accuracy=accuracy)
    return replace(base, **changes)  # type: ignore[arg-type]


def arm_runs(arm: str, *accuracies: float) -> list[RunRecord]:
    """Return one run per seed, from seed 0."""
    return [run(arm, seed, accuracy) for seed, accuracy in enumerate(accuracies)]
