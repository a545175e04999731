"""Check that every budget is met and never exceeded, and time the projection.

`python -m benchmarks.budget`

Random proposals are projected to 70, 50, 30 and 15 % of each model's MACs. In the same run two peers try the same: a
rejection sampler that draws random proposals until one is in the band (with the plan's fast costs, or it would take
hours), and torch-pruning's own loop that prunes step by step until it is under the target (few runs, because each step
counts a model). Prints progress; the last line is one JSON object. The band is [target − 0.5 %, target].

Then come coarse models, whose single units are so expensive that a budget is hard to use up. There is no band for
them: each shot is compared with the best allocation under the same target that `benchmarks.reachable` finds.
`coarse_worst_used` is the smallest ratio, over all shots, of the MACs that projection used to the MACs of that best.
"""

import argparse
import json
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch

from benchmarks.coarse import coarse_plans
from benchmarks.peers import step_until_under
from benchmarks.reachable import Reachable
from benchmarks.zoo import MUST
from pruning.allocation import allocate
from pruning.models import create_model, published_spec
from pruning.plan import Plan
from pruning.planning import build_plan
from pruning.projection import project

TARGETS = (0.70, 0.50, 0.30, 0.15)
ROUNDINGS = (1, 8, 16)
BAND = 0.005
_STEPPED = ("resnet50", "mobilenetv2_100")


_RANDOM_TARGETS = 4


@dataclass(frozen=True, slots=True)
class CoarseShot:
    """One proposal for a coarse model, projected.

    Attributes:
        macs: of the projected allocation.
        target: in MACs.
        reachable: the most MACs not over the target that `benchmarks.reachable` found.
    """

    macs: int
    target: int
    reachable: int

    @property
    def used(self) -> float:
        """The MACs used as a share of those that could have been used."""
        return self.macs / self.reachable


@dataclass(frozen=True, slots=True)
class Shot:
    """One attempt at a budget.

    Attributes:
        residual: share of the target left unspent; negative is over budget, None means that no allocation was found.
        ms: milliseconds that it took.
    """

    residual: float | None
    ms: float

    @property
    def hit(self) -> bool:
        """Whether the result is in the band."""
        return self.residual is not None and 0 <= self.residual <= BAND


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", help="comma-separated names; all required ones by default")
    parser.add_argument("--proposals", type=int, default=100)
    parser.add_argument("--coarse", type=int, help="number of coarse models; all by default")
    parser.add_argument("--draws", type=int, default=1000, help="most draws of the rejection sampler per budget")
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = options.models.split(",") if options.models else list(MUST)
    ours: dict[int, list[Shot]] = {rounding: [] for rounding in ROUNDINGS}
    rejected: list[Shot] = []
    for name in names:
        spec = published_spec(name)
        plan = build_plan(create_model(spec), spec, verify=False)
        rng = random.Random(name)
        proposals = [_proposal(plan, rng) for _ in range(options.proposals)]
        for rounding, shots in ours.items():
            shots.extend(_progress(name, rounding, _project_all(plan, proposals, rounding)))
        rejected += _sample_until_hit(plan, rng, options.draws)
    stepped = [_step_down(name, share) for name in names if name in _STEPPED for share in TARGETS]
    summary = _summary(ours, rejected, stepped, len(names)) | coarse_summary(islice(coarse_plans(), options.coarse))
    print(json.dumps(summary))


def _proposal(plan: Plan, rng: random.Random) -> tuple[int, ...]:
    return allocate(plan, [rng.uniform(0.1, 1) for _ in plan.sets])


def _project_all(plan: Plan, proposals: Sequence[tuple[int, ...]], rounding: int) -> list[Shot]:
    """One shot per proposal and per target that the model can reach with this rounding."""
    shots = []
    for share in TARGETS:
        target = int(share * plan.baseline_macs)
        if plan.floor_macs(rounding) > target:
            continue
        for proposal in proposals:
            start = time.perf_counter()
            macs = project(plan, proposal, target, round_to=rounding).macs
            shots.append(Shot(1 - macs / target, (time.perf_counter() - start) * 1e3))
    return shots


def _sample_until_hit(plan: Plan, rng: random.Random, draws: int) -> list[Shot]:
    shots = []
    for share in TARGETS:
        target, start, found = int(share * plan.baseline_macs), time.perf_counter(), None
        for _ in range(draws):
            residual = 1 - plan.macs(_proposal(plan, rng)) / target
            if 0 <= residual <= BAND:
                found = residual
                break
        shots.append(Shot(found, (time.perf_counter() - start) * 1e3))
    return shots


def _step_down(name: str, share: float) -> Shot:
    spec = published_spec(name)
    model = create_model(spec)
    target = int(share * build_plan(model, spec, verify=False).baseline_macs)
    start = time.perf_counter()
    macs = step_until_under(model, spec.image_size, target)
    shot = Shot(1 - macs / target, (time.perf_counter() - start) * 1e3)
    print(f"torch-pruning, {name} to {share:.0%}: residual {shot.residual:.3%}, {shot.ms:,.0f} ms", flush=True)
    return shot


def coarse_summary(plans: Iterable[Plan]) -> dict[str, Any]:
    """The coarse models' part of the JSON object."""
    shots = {plan.spec.name: _coarse_progress(plan.spec.name, list(_coarse_shots(plan))) for plan in plans}
    every = [shot for found in shots.values() for shot in found]
    return {
        "coarse_models": sum(bool(found) for found in shots.values()),
        "coarse_shots": len(every),
        "coarse_worst_used": round(min(shot.used for shot in every), 6) if every else None,
        "coarse_over_budget": sum(shot.macs > shot.target for shot in every),
    }


def _coarse_shots(plan: Plan) -> Iterator[CoarseShot]:
    """One shot per rounding, per target that can be reached with it, and per proposal."""
    rng = random.Random(plan.spec.name)
    proposals = [plan.full(), plan.floor(), _lopsided(plan), *(_proposal(plan, rng) for _ in range(2))]
    for rounding in ROUNDINGS:
        floor = plan.floor_macs(rounding)
        targets = [int(share * plan.baseline_macs) for share in TARGETS]
        targets += [int(rng.uniform(floor, plan.baseline_macs)) for _ in range(_RANDOM_TARGETS)]
        reachable = Reachable(plan, rounding)
        for target in targets:
            if not floor <= target < plan.baseline_macs:
                continue
            most = reachable.most(target)
            for proposal in proposals:
                yield CoarseShot(project(plan, proposal, target, round_to=rounding).macs, target, most)


def _lopsided(plan: Plan) -> tuple[int, ...]:
    """An allocation with every other group whole and the others at one unit."""
    return tuple(group.units if group.index % 2 else 1 for group in plan.groups)


def _coarse_progress(name: str, shots: list[CoarseShot]) -> list[CoarseShot]:
    worst = f"{min(shot.used for shot in shots):.2%}" if shots else "nothing"
    print(f"{name:34} {len(shots)} shots used {worst} or more of what can be used", flush=True)
    return shots


def _progress(name: str, rounding: int, shots: list[Shot]) -> list[Shot]:
    if shots:
        worst = max(shot.residual or 0 for shot in shots)
        hits = sum(shot.hit for shot in shots)
        print(f"{name:34} round_to {rounding:2}: {hits} of {len(shots)} in the band, worst {worst:.4%}", flush=True)
    else:
        print(f"{name:34} round_to {rounding:2}: no target can be reached", flush=True)
    return shots


def _summary(ours: dict[int, list[Shot]], rejected: list[Shot], stepped: list[Shot], models: int) -> dict[str, Any]:
    first = _figures(ours[1])
    return {
        "models": models,
        **first,
        "by_rounding": {str(rounding): _figures(shots) for rounding, shots in ours.items()},
        "rejection_sampler": _figures(rejected),
        "torch_pruning_loop": _figures(stepped),
    }


def _figures(shots: list[Shot]) -> dict[str, Any]:
    residuals = [shot.residual for shot in shots if shot.residual is not None]
    return {
        "shots": len(shots),
        "hit_rate": round(sum(shot.hit for shot in shots) / len(shots), 4) if shots else None,
        "worst_residual": round(max(residuals), 6) if residuals else None,
        "over_budget": sum(residual < 0 for residual in residuals),
        "ms": round(sum(shot.ms for shot in shots) / len(shots), 2) if shots else None,
    }


if __name__ == "__main__":
    main()
