"""Ledgers of small searches whose winner, rivals and scores a test dictates; the plan and its prices are real."""

from collections.abc import Sequence
from dataclasses import dataclass

from pruning.stages import stage_prices
from tests.search import support
from tests.tracking.samples import STRATEGY, numbered, run_started
from tracking.events import Event
from tracking.kinds import TrialState
from tracking.payloads import (
    GroupShape,
    Payload,
    PlanReady,
    Proposed,
    Rung,
    StagePrice,
    TrialEnded,
    TrialStarted,
    Winner,
)

UNIFORM = tuple(max(1, group.units // 2) for group in support.plan().groups)
EARLY = tuple(
    group.units if group.name.startswith("conv1") else max(1, group.units // 3) for group in support.plan().groups
)
COMPLETED, STOPPED, FAILED = TrialState.COMPLETED, TrialState.STOPPED_EARLY, TrialState.FAILED


@dataclass(frozen=True)
class Tried:
    """One trial: its scores by rung, how it ended, what it kept."""

    scores: Sequence[float]
    state: TrialState = COMPLETED
    kept: tuple[int, ...] = EARLY


def searched(*tried: Tried, winner: int, images: int | None = 400, priced: bool = True) -> tuple[Event, ...]:
    """The events of a search; `images` and `priced` are what older ledgers lack."""
    plan = support.plan()
    stages = tuple(StagePrice(name=name, price=tuple(price.items())) for name, price in stage_prices(plan).items())
    payloads: list[Payload] = [
        run_started(),
        PlanReady(
            counter=plan.counter,
            groups=tuple(GroupShape(name=g.name, units=g.units, set=g.set_index) for g in plan.groups),
            sets=len(plan.sets),
            floor_macs=plan.floor_macs(),
            baseline_macs=plan.baseline_macs,
            target_macs=plan.macs(UNIFORM),
            band=(1, plan.baseline_macs),
            stages=stages if priced else (),
        ),
    ]
    for trial, one in enumerate(tried):
        payloads += [
            _proposed(trial, one.kept),
            TrialStarted(trial=trial, actor="a", pid=1, started=support.EPOCH),
            *(Rung(trial=trial, rung=n, epochs=2 * n, accuracy=score, loss=1.0) for n, score in enumerate(one.scores)),
            _ended(trial, one),
        ]
    best = tried[winner]
    payloads.append(
        Winner(
            trial=winner,
            strategy=STRATEGY,
            allocation=best.kept,
            macs=plan.macs(best.kept),
            params=plan.params(best.kept),
            proxy_accuracy=best.scores[-1],
            holdout_images=images,
        )
    )
    return numbered(payloads)


def _proposed(trial: int, kept: tuple[int, ...]) -> Proposed:
    macs = support.plan().macs(kept)
    return Proposed(
        trial=trial,
        proposer="rules" if trial else "start",
        strategy=STRATEGY,
        requested_macs=macs,
        in_band=True,
        allocation=kept,
        macs=macs,
        params=support.plan().params(kept),
        rationale=f"idea {trial}",
    )


def _ended(trial: int, one: Tried) -> TrialEnded:
    return TrialEnded(
        trial=trial,
        state=one.state,
        accuracy=one.scores[-1] if one.scores else None,
        rungs=len(one.scores),
        wall_s=1.0,
        actor="a",
        started=support.EPOCH,
        ended=support.EPOCH,
        served=1,
        error="it broke" if one.state is FAILED else None,
    )
