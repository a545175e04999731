"""From an arm to the gates of its heads."""

from ablations.heads.agency.acting import agency_gates, compensated, volunteers
from ablations.heads.agency.report import HeadsReport
from ablations.heads.agency.rules import Rules
from ablations.heads.bench import Bench
from ablations.heads.conditions import Factors
from ablations.heads.gates import mask
from ablations.heads.importance.registry import importance
from ablations.heads.selection import heads_to_remove, select


def decide(bench: Bench, condition: Factors, rules: Rules | None = None) -> HeadsReport:
    """Select the heads of a condition and set all gates.

    The heads are observed in every arm, so that the report of an arm without agency tells whose consent it ignored.

    Raises:
        ConstantImportanceError: the criterion cannot tell the heads apart.
    """
    signals = bench.signals(rules or Rules())
    count = heads_to_remove(condition.level, len(bench.model.all_heads)) if condition.arm.prunes else 0
    first = volunteers(signals) if condition.arm.has_agency else frozenset()
    removed = select(importance(condition.method)(), bench.evidence, count, first) if count else ()
    if condition.arm.has_agency:
        wanted = agency_gates(bench.model, signals, removed)
        return HeadsReport(signals, compensated(bench.model, wanted, bench.calibration), removed)
    return HeadsReport(signals, mask(bench.model, removed), removed)
