"""What agency is worth at the same number of acting heads, by the same criterion, on the same text."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from torch import Tensor

from ablations.floor.statistics import estimate
from ablations.heads.agency.acting import agency_gates, compensated, volunteers
from ablations.heads.agency.rules import Rules
from ablations.heads.bench import Bench
from ablations.heads.gates import gated, mask
from ablations.heads.importance.registry import importance
from ablations.heads.perplexity import teacher_forced
from ablations.heads.selection import heads_to_remove, select

MEASURED = (
    "held-out perplexity without agency minus with agency (above 0: agency is better), paired: same seed, same text, "
    "same criterion, same number of acting heads; mean over criteria and levels, 95 % t-interval over seeds"
)


def agency_gain(benches: Sequence[Bench], methods: Sequence[str], levels: Sequence[float]) -> dict[str, object]:
    """Measure the gain by seed, and its mean with a 95 % interval over the seeds."""
    gains = [
        {f"{name} {level:g}": gain for name in methods for level, gain in gains_of(bench, name, levels).items()}
        for bench in benches
    ]
    by_seed = [fmean(cells.values()) for cells in gains]
    over_seeds = estimate(by_seed)
    assert over_seeds is not None
    return {
        "mean": over_seeds.mean,
        "low": over_seeds.low,
        "high": over_seeds.high,
        "seeds": over_seeds.n,
        "by_seed": by_seed,
        "by_criterion_and_level": {cell: fmean(found[cell] for found in gains) for cell in gains[0]},
        "measured": MEASURED,
    }


def gains_of(bench: Bench, method: str, levels: Sequence[float]) -> Mapping[float, float]:
    """Return what agency gains at each level: heads that withdrew count as gone on both sides.

    Both orders of removal are made once; what a lower level removes is their beginning.
    """
    model, signals = bench.model, bench.signals(Rules())
    withdrawn = volunteers(signals)
    counts = {level: heads_to_remove(level, len(model.all_heads)) for level in levels}
    most = max(*counts.values(), len(withdrawn))
    with_agency = select(importance(method)(), bench.evidence, most, withdrawn)
    without = select(importance(method)(), bench.evidence, most)
    gains = {}
    for level, count in counts.items():
        wanted = agency_gates(model, signals, with_agency[:count])
        gone = int((wanted == 0).sum())
        kept_scale = compensated(model, wanted, bench.calibration)
        gains[level] = _perplexity(bench, mask(model, without[:gone])) - _perplexity(bench, kept_scale)
    return gains


def _perplexity(bench: Bench, gates: Tensor) -> float:
    with gated(bench.model, gates):
        return teacher_forced(bench.model, bench.held_out)
