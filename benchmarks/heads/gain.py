"""What agency is worth at the same number of acting heads, by the same criterion, on the same text."""

from collections.abc import Sequence
from statistics import fmean

from ablations.floor.statistics import estimate
from ablations.heads.bench import Bench
from ablations.heads.conditions import Arm, Factors
from ablations.heads.deciding import decide
from ablations.heads.gates import gated, mask
from ablations.heads.importance.registry import IMPORTANCES
from ablations.heads.perplexity import teacher_forced
from ablations.heads.selection import select

MEASURED = (
    "held-out perplexity without agency minus with agency (above 0: agency is better), paired: same seed, same "
    "text, same criterion, same number of acting heads; mean over criteria and levels, 95 % t-interval over seeds"
)


def agency_gain(benches: Sequence[Bench], methods: Sequence[str], levels: Sequence[float]) -> dict[str, object]:
    """Measure the gain by seed, and its mean with a 95 % interval over the seeds."""
    gains = {
        bench.seed: {f"{name} {level:g}": gain_of(bench, name, level) for name in methods for level in levels}
        for bench in benches
    }
    by_seed = [fmean(cells.values()) for cells in gains.values()]
    over_seeds = estimate(by_seed)
    assert over_seeds is not None
    cells = {cell: fmean(found[cell] for found in gains.values()) for cell in next(iter(gains.values()))}
    return {
        "mean": over_seeds.mean,
        "low": over_seeds.low,
        "high": over_seeds.high,
        "seeds": over_seeds.n,
        "by_seed": by_seed,
        "by_criterion_and_level": cells,
        "measured": MEASURED,
    }


def gain_of(bench: Bench, method: str, level: float) -> float:
    """Return what agency gains in one cell: heads that withdrew count as gone on both sides."""
    condition = Factors(arm=Arm.PRUNED_WITH_AGENCY, method=method, level=level, temperature=1)
    heads = decide(bench, condition)
    with gated(bench.model, heads.gates):
        with_agency = teacher_forced(bench.model, bench.held_out)
    gone = len(bench.model.all_heads) - heads.acting
    plain = mask(bench.model, select(IMPORTANCES[method](), bench.evidence, gone))
    with gated(bench.model, plain):
        return teacher_forced(bench.model, bench.held_out) - with_agency
