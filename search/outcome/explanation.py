"""Why the winner won: its allocation and its score beside the uniform start's, from the ledger alone."""

import math
from collections.abc import Sequence

from pruning.owners import evaluate
from pruning.stages import stage_of
from search.outcome.part import Part
from tracking.events import Event, payloads_of
from tracking.kinds import TrialState
from tracking.payloads import FinalistEnded, Finalists, PlanReady, Proposed, TrialEnded, Winner
from tracking.phases import rungs_by_trial, since_extension
from tracking.strategy_queue import StrategyQueue
from tracking.totals import COMMON_START


class StageShare(Part):
    """A part of the network under the winner and under the uniform start.

    Attributes:
        units: of the groups whose channels it produces, uncut; a residual stream counts where it is produced first.
        macs: of the winner; None in ledgers from before the stages' prices were recorded.
        shift: the winner's MACs less the start's, as a share of the budget.
    """

    stage: str
    units: int
    kept: int
    kept_by_start: int
    macs: int | None
    macs_of_start: int | None
    shift: float | None


class Rival(Part):
    """Another trial beside the winner, both at the last rung (from 0) that both reached.

    Attributes:
        epochs: of training up to that rung.
        standard_error: of the difference, were the two scores independent (binomial); None where the number of
            images is not known.
    """

    trial: int
    proposer: str
    state: TrialState
    macs: int
    rung: int
    epochs: int
    winner_accuracy: float
    accuracy: float
    standard_error: float | None


class Final(Part):
    """A finalist: how it scored when all finalists had been fine-tuned for the same number of epochs."""

    trial: int
    proxy_accuracy: float
    epochs: int
    accuracy: float


class Explanation(Part):
    """How the winner differs from the uniform start, and what it gained by that.

    Attributes:
        start_trial: the uniform start's number; the winner's own when nothing beat it.
        call: the LLM's call that the winner came from; None for other arms, and where the ledger does not tell.
        rationale: the proposer's own words.
        rungs: that the winner was scored at.
        completed: trials that were scored at every rung, the winner included.
        holdout_images: that all trials were scored on; None in ledgers from before it was recorded.
        same_units: whether the winner keeps as many units in every group as the uniform start.
        start: the uniform start as a rival; None when it won, or has no score.
        runner_up: the best of the other completed trials.
        finalists: the trials among which the winner was chosen after some fine-tuning, in the order of their scores in
            the search; empty where the search chose it.
    """

    start_trial: int
    call: int | None
    rationale: str
    rungs: int
    completed: int
    holdout_images: int | None
    same_units: bool
    stages: tuple[StageShare, ...]
    start: Rival | None
    runner_up: Rival | None
    finalists: tuple[Final, ...] = ()


def explain(events: Sequence[Event]) -> Explanation | None:
    """Explain why the winner won; None where there is no winner yet, or no uniform start to compare it with."""
    specs = payloads_of(events, Proposed)
    start = next((spec for spec in specs if spec.proposer == COMMON_START), None)
    named = payloads_of(events, Winner)
    if not named or start is None:
        return None
    winner = named[-1]
    spec = next(spec for spec in specs if spec.trial == winner.trial)
    duel = _Duel(events, winner)
    others = [duel.rival(other) for other in specs if other.trial != winner.trial]
    rivals = [rival for rival in others if rival is not None]
    completed = [rival for rival in rivals if rival.state is TrialState.COMPLETED]
    queue = StrategyQueue()
    for event in events:
        queue.take(event.payload)
    return Explanation(
        start_trial=start.trial,
        call=queue.origin(winner.trial),
        rationale=spec.rationale,
        rungs=duel.rungs,
        completed=1 + len(completed),
        holdout_images=winner.holdout_images,
        same_units=winner.allocation == start.allocation,
        stages=_stages(payloads_of(events, PlanReady)[-1], winner.allocation, start.allocation),
        start=next((rival for rival in rivals if rival.trial == start.trial), None),
        runner_up=max(completed, key=lambda rival: (rival.accuracy, -rival.macs, -rival.trial), default=None),
        finalists=_finalists(events),
    )


def _finalists(events: Sequence[Event]) -> tuple[Final, ...]:
    """The finalists of the present winner; none where an extension chose it without."""
    named = payloads_of(since_extension(events), Finalists)
    if not named:
        return ()
    # Finalists were completed, so each has a score.
    searched = {end.trial: end.accuracy for end in payloads_of(events, TrialEnded) if end.accuracy is not None}
    scores = {end.trial: end for end in payloads_of(events, FinalistEnded)}
    return tuple(
        Final(
            trial=trial,
            proxy_accuracy=searched[trial],
            epochs=scores[trial].epochs,
            accuracy=scores[trial].holdout_accuracy,
        )
        for trial in named[-1].trials
        if trial in scores
    )


def _stages(plan: PlanReady, winner: Sequence[int], start: Sequence[int]) -> tuple[StageShare, ...]:
    prices = {stage.name: dict(stage.price) for stage in plan.stages}
    places = [stage_of(group.name) for group in plan.groups]
    shares = []
    for name in dict.fromkeys([*prices, *places]):
        own = [index for index, place in enumerate(places) if place == name]
        macs = evaluate(prices.get(name, {}), winner) if prices else None
        macs_of_start = evaluate(prices.get(name, {}), start) if prices else None
        shares.append(
            StageShare(
                stage=name,
                units=sum(plan.groups[index].units for index in own),
                kept=sum(winner[index] for index in own),
                kept_by_start=sum(start[index] for index in own),
                macs=macs,
                macs_of_start=macs_of_start,
                shift=None if macs is None or macs_of_start is None else (macs - macs_of_start) / plan.target_macs,
            )
        )
    return tuple(shares)


class _Duel:
    """Compares the winner with one trial after another."""

    def __init__(self, events: Sequence[Event], winner: Winner) -> None:
        self._scores = rungs_by_trial(events)
        self._ends = {end.trial: end for end in payloads_of(events, TrialEnded)}
        self._own = self._scores.get(winner.trial, [])
        self._images = winner.holdout_images

    @property
    def rungs(self) -> int:
        return len(self._own)

    def rival(self, other: Proposed) -> Rival | None:
        """None for a trial that never ended or has no score."""
        end, scores = self._ends.get(other.trial), self._scores.get(other.trial, [])
        shared = list(zip(self._own, scores, strict=False))
        if end is None or not shared:
            return None
        own, theirs = shared[-1]
        return Rival(
            trial=other.trial,
            proposer=other.proposer,
            state=end.state,
            macs=other.macs,
            rung=theirs.rung,
            epochs=theirs.epochs,
            winner_accuracy=own.accuracy,
            accuracy=theirs.accuracy,
            standard_error=self._standard_error(own.accuracy, theirs.accuracy),
        )

    def _standard_error(self, own: float, theirs: float) -> float | None:
        if self._images is None:
            return None
        return math.sqrt((own * (1 - own) + theirs * (1 - theirs)) / self._images)
