"""What the gates say of a variant, as one list; a null ablation is asked all but whether something is gone."""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from ablations.code.gates.base import Verdict
from ablations.code.gates.case import Case, Runs
from ablations.code.gates.gone import Gone
from ablations.code.gates.registry import GATES, Ruling
from ablations.code.running.facts import RunFacts
from ablations.code.trials.material import Material


class GateSaid(BaseModel):
    """The verdict of one gate, on the source and on the runs together.

    Attributes:
        gate: Its name.
        accepted: Whether it accepts both.
        reason: Why it refuses; empty if it does not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    gate: str
    accepted: bool
    reason: str = ""


def said_by(verdicts: Iterable[Verdict]) -> tuple[GateSaid, ...]:
    """Return one verdict for each gate, in the order in which they were asked first."""
    reasons: dict[str, list[str]] = {}
    for verdict in verdicts:
        reasons.setdefault(verdict.gate, []).extend([verdict.reason] if verdict.reason else [])
    return tuple(GateSaid(gate=gate, accepted=not each, reason="; ".join(each)) for gate, each in reasons.items())


def all_said(ruling: Ruling) -> tuple[GateSaid, ...]:
    """Return all that a ruling holds."""
    return said_by((*ruling.of_source, *ruling.of_runs))


def reason_of(said: Sequence[GateSaid]) -> str:
    """Return all refusals in one line; empty if there are none."""
    return "; ".join(dict.fromkeys(f"{verdict.gate}: {verdict.reason}" for verdict in said if not verdict.accepted))


def as_json(said: Sequence[GateSaid]) -> list[dict[str, Any]]:
    """Return verdicts as JSON values."""
    return [verdict.model_dump(mode="json") for verdict in said]


def null_said(material: Material, original: RunFacts, null: RunFacts) -> tuple[GateSaid, ...]:
    """Return what the gates say of the original and of the null ablation, which is judged as an ablation is."""
    case = Case(material.components[0], material.documents, material.documents)
    runs = Runs(original, null, null)
    gates = [kind() for kind in GATES if kind is not Gone]
    return said_by(Verdict(gate.name, gate.of_runs(case, runs) or "") for gate in gates)
