"""Names of a run in MLflow: they begin with what one looks for, and never with a date."""

import re

from tracking.payloads import PlanReady, RunStarted

_UNITS = ((10**9, "G"), (10**6, "M"), (10**3, "k"))


def run_name(started: RunStarted, plan: PlanReady | None = None, accuracy: float | None = None) -> str:
    """Model, arm, target, result and seed, as far as known: `resnet50 · rules · 2.06 GMACs · 76.10 % · s42`."""
    arm = started.proposer if started.llm is None else f"{started.proposer} {started.llm}"
    target = "" if plan is None else _macs(plan.target_macs)
    result = "" if accuracy is None else f"{100 * accuracy:.2f} %"
    return " · ".join(part for part in (started.model, arm, target, result, f"s{started.seed}") if part)


def model_name(started: RunStarted, what: str) -> str:
    """The name of a model of the run; MLflow takes no `/ : . % " '` in it."""
    return allowed(f"{started.model} {started.proposer} {what}")


def allowed(name: str) -> str:
    """The name with `_` for what MLflow refuses in the name of a model."""
    return re.sub(r"[^\w\- ]", "_", name)


def _macs(macs: int) -> str:
    size, unit = next((pair for pair in _UNITS if macs >= pair[0]), (1, ""))
    return f"{macs / size:.4g} {unit}MACs"
