"""One search, without Ray: carries out the master's decisions and writes each into the ledger before acting on it."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from pruning.allocation import allocate
from pruning.plan import Allocation
from pruning.projection import project
from search.control.deadline import Deadline
from search.control.halving import Halving
from search.control.master import Limits, Move, Situation, decide
from search.control.steering import Assessment, View, assess
from search.proposers.base import Proposer, uniform_start
from search.space.budget import Budget
from search.space.history import History, TrialSpec
from search.space.results import TrialResult
from search.space.search_space import SearchSpace
from search.space.strategy import Proposal, Strategy
from tracking.events import Event
from tracking.kinds import STEERED, TURNED_BACK, Condition, Course, DecisionKind, Ranking, TrialState
from tracking.ledger import Ledger
from tracking.payloads import Decision, Proposed, Rung, StrategyRecord, TrialEnded, TrialStarted
from tracking.totals import COMMON_START


class Turn(NamedTuple):
    """What Tune's free slot gets: a trial, or nothing yet, or nothing ever again."""

    spec: TrialSpec | None
    over: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """How the session plays.

    Attributes:
        projection: move each proposal onto the budget; without it, one outside the band is turned back (a revision).
        rungs: how many rungs a full trial has.
        deadline: how long a trial may take.
    """

    limits: Limits
    halving: Halving
    projection: bool
    rungs: int
    deadline: Deadline = field(default_factory=Deadline)


@dataclass(frozen=True, slots=True)
class Report:
    """What an actor says of a trial after a rung, or on a fault. ``compute_s``: the seconds since the trial's start in
    which it worked, and did not wait for the driver."""

    trial: int
    actor: str
    pid: int
    started: datetime
    now: datetime
    compute_s: float
    served: int
    rung: int | None = None
    epochs: int = 0
    accuracy: float = 0.0
    loss: float = 0.0
    error: str | None = None
    note: str | None = None


class SearchSession:
    """The state of one search. Every method is called from one thread: Tune's loop."""

    def __init__(
        self,
        space: SearchSpace,
        proposer: Proposer,
        rules: Rules,
        ledger: Ledger,
        window: int,
        substitute: Proposer | None = None,
    ) -> None:
        self.history = History(window)
        self.stop_reason: str | None = None
        self._plan = space.plan
        self._space = space
        self._proposer = proposer
        self._substitute = substitute
        self._first_ticket = 0
        self._course: Course | None = None
        self._rules = rules
        self._ledger = ledger
        self._interrupted = False
        self._turned_back = dict.fromkeys(TURNED_BACK, 0)
        self._repeated_in_a_row = 0
        self._unfinished: deque[TrialSpec] = deque()
        self._lost: set[int] = set()
        self._accuracies: dict[int, list[float]] = {}
        self._reports: dict[int, Report] = {}
        self._given_up: dict[int, str] = {}

    @property
    def budget(self) -> Budget:
        return self._space.budget

    @property
    def interrupted(self) -> bool:
        return self._interrupted

    def interrupt(self) -> None:
        """Propose nothing more. Safe to call from a signal handler: it only sets a flag."""
        self._interrupted = True

    def begin(self) -> None:
        """Let the proposer think while the actors are still to be started."""
        if not self.history:
            self._proposer.begin()

    def next(self) -> Turn:
        """What to run now. Never blocks."""
        while True:
            decision = decide(self._situation(), self._rules.limits)
            match decision.move:
                case Move.STOP:
                    return self._stop(decision.reason)
                case Move.WAIT:
                    return Turn(None, over=False)
                case Move.RERUN:
                    return Turn(self._unfinished.popleft(), over=False)
                case Move.SWITCH:
                    self._switch(decision.reason)
                case Move.PROPOSE:
                    turn = self._proposed()
                    if turn is not None:
                        return turn

    def on_report(self, report: Report) -> bool:
        """Take a rung or a fault; returns whether the trial must stop here."""
        self._begin(report)
        if report.error is not None:
            self._end(report.trial, TrialState.FAILED, report.error)
            return True
        assert report.rung is not None
        reached = self._accuracies.setdefault(report.trial, [])
        assert report.rung == len(reached), "rungs come in order"
        self._ledger.record(
            Rung(trial=report.trial, rung=report.rung, epochs=report.epochs, accuracy=report.accuracy, loss=report.loss)
        )
        reached.append(report.accuracy)
        if report.rung + 1 == self._rules.rungs:
            self._end(report.trial, TrialState.COMPLETED)
            return True
        if self._rules.halving.stops(self.history, report.trial, report.rung, report.accuracy):
            self._end(report.trial, TrialState.STOPPED_EARLY)
            return True
        return False

    def on_lost(self, trial: int, error: str) -> None:
        """The trial's process died, alone or with its node. Unless the run was interrupted, the trial runs once more.

        One that was over its deadline, or that loses its second process too, has failed: it may well be the cause.
        """
        if self.history.result(trial) is not None or self._interrupted:
            return
        if trial in self._given_up:
            self._end(trial, TrialState.FAILED, self._given_up[trial])
        elif trial in self._lost:
            self._end(trial, TrialState.FAILED, f"{error}, as it had in an earlier run of this trial")
        else:
            self._ledger.record(Decision(decision=DecisionKind.RETRIED, trial=trial, reason=f"{error}, so once more"))
            self._lost.add(trial)
            self._accuracies.pop(trial, None)
            self._reports.pop(trial, None)
            self._unfinished.append(self.history[trial])

    def overdue(self, trial: int, taken_s: float) -> bool:
        """Whether the trial is over its deadline, so that its actor is to be killed; true once for each trial."""
        rule = self._rules.deadline
        allowed = rule.seconds([(last.now - last.started).total_seconds() for last in self._finished()])
        if allowed is None or taken_s <= allowed or trial in self._given_up or self.history.result(trial) is not None:
            return False
        self._given_up[trial] = rule.words(taken_s)
        return True

    def restore(self, events: Sequence[Event]) -> None:
        """Take up an interrupted run: ended trials stand, begun ones start again under their number."""
        rungs: dict[int, list[float]] = {}
        for event in events:
            match event.payload:
                case Proposed() as proposed:
                    self.history.add(_spec_of(proposed))
                    self._repeated_in_a_row = 0
                case TrialStarted() as started:
                    rungs[started.trial] = []
                case Rung() as rung:
                    rungs.setdefault(rung.trial, []).append(rung.accuracy)
                case TrialEnded() as ended:
                    accuracies = tuple(rungs.get(ended.trial, ()))
                    self.history.end(TrialResult(ended.trial, ended.state, accuracies, ended.error))
                case Decision(decision=kind) if kind in TURNED_BACK:
                    self._turned_back[kind] += 1
                    self._repeated_in_a_row += kind is DecisionKind.REPEATED
                case Decision(decision=DecisionKind.SWITCH_ARM):
                    self._take_over()
                case Decision(decision=kind) if kind in STEERED:
                    self._course = Course(kind)
        self._unfinished = deque(self.history.running)
        self._proposer.restore(self.history, events)

    def _proposed(self) -> Turn | None:
        """A new trial, or "not yet", or the end; None when the next move is to be decided anew."""
        assessment = self._steer()
        if assessment is not None and assessment.course is Course.STOP:
            return self._stop(assessment.reason, assessment.condition)
        proposal = self._propose()
        if proposal is None:
            return Turn(None, over=False) if self._proposer.problem() is None else None
        spec = self._admit(proposal)
        return None if spec is None else Turn(spec, over=False)

    def _situation(self) -> Situation:
        return Situation(
            history=self.history,
            unfinished=len(self._unfinished),
            missed=self._turned_back[DecisionKind.MISSED],
            repeated=self._repeated_in_a_row,
            interrupted=self._interrupted,
            # The common start is nobody's proposal: it is tried whatever has befallen the proposer.
            problem=self._proposer.problem() if self.history else None,
            can_switch=self._substitute is not None,
        )

    def _steer(self) -> Assessment | None:
        """Assess how the search goes and tell the arm; what changes the course is written down first."""
        if not self._proposer.steerable:
            return None
        view = View(
            ended=self.history.readable(),
            budget=self.budget,
            trial=len(self.history),
            trials=self._rules.limits.trials,
            repeated=self._repeated_in_a_row,
            can_switch=self._substitute is not None,
        )
        assessment = assess(view)
        if assessment.course is Course.SWITCH_ARM:
            self._switch(assessment.reason, assessment.condition)
        elif assessment.course is not Course.STOP and assessment.condition is not Condition.OPENING:
            if assessment.course is not self._course:
                self._decide(DecisionKind(assessment.course), assessment.reason, assessment.condition)
            self._course = assessment.course
            self._proposer.steer(assessment.course)
        return assessment

    def _switch(self, reason: str, condition: Condition | None = None) -> None:
        """The substitute proposes from here on. It was asked for by name, and its trials carry its own."""
        assert self._substitute is not None
        why = f"{reason}; {self._substitute.name} proposes from here on"
        self._decide(DecisionKind.SWITCH_ARM, why, condition)
        self._take_over()

    def _take_over(self) -> None:
        assert self._substitute is not None
        self._proposer, self._substitute = self._substitute, None
        self._first_ticket = max(0, self._ticket() - 1)
        self._repeated_in_a_row, self._course = 0, None

    def _ticket(self) -> int:
        """Proposals asked for so far."""
        return len(self.history) + sum(self._turned_back.values())

    def _decide(self, kind: DecisionKind, reason: str, condition: Condition | None = None) -> None:
        self._ledger.record(Decision(decision=kind, reason=reason, condition=condition))

    def _stop(self, reason: str, condition: Condition | None = None) -> Turn:
        """Nothing new is begun. It is over once nothing runs either: until then a trial may be lost and run again."""
        if self.stop_reason is None:
            self._decide(DecisionKind.STOP, reason, condition)
            self.stop_reason = reason if condition is None else f"{condition}: {reason}"
        return Turn(None, over=self._interrupted or not self.history.running)

    def _propose(self) -> Proposal | None:
        ticket = self._ticket()
        if ticket == 0:
            return None if self._proposer.awaited() else uniform_start(self._space)
        return self._proposer.propose(ticket - self._first_ticket, self.history)

    def _admit(self, proposal: Proposal) -> TrialSpec | None:
        spec = self._concretise(proposal)
        twin = next((old for old in self.history if _same_model(old, spec)), None)
        if twin is not None:
            self._repeated_in_a_row += 1
            self._turn_back(DecisionKind.REPEATED, f"{proposal.proposer} repeated trial {twin.trial}", twin.trial)
            return None
        if not self._rules.projection and not spec.in_band and proposal.proposer != COMMON_START:
            why = f"{proposal.proposer} asked for {spec.requested_macs:,} MACs, outside {self.budget.band_macs}"
            self._turn_back(DecisionKind.MISSED, why)
            return None
        self._repeated_in_a_row = 0
        self._ledger.record(record_of(spec))
        self.history.add(spec)
        return spec

    def _turn_back(self, kind: DecisionKind, reason: str, twin: int | None = None) -> None:
        self._ledger.record(Decision(decision=kind, reason=reason, trial=twin))
        self._turned_back[kind] += 1

    def _concretise(self, proposal: Proposal) -> TrialSpec:
        strategy = proposal.strategy
        requested = allocation = self._requested(proposal)
        if self._rules.projection or proposal.proposer == COMMON_START:
            projection = project(self._plan, requested, self.budget.target_macs, round_to=strategy.round_to)
            allocation = projection.allocation
        requested_macs = self._plan.macs(requested)
        return TrialSpec(
            trial=len(self.history),
            proposal=proposal,
            allocation=tuple(allocation),
            macs=self._plan.macs(allocation),
            params=self._plan.params(allocation),
            requested_macs=requested_macs,
            in_band=self.budget.holds(requested_macs),
        )

    def _requested(self, proposal: Proposal) -> Allocation:
        if proposal.allocation is not None:
            return self._plan.check(proposal.allocation)
        strategy = proposal.strategy
        scores = self._space.scores[strategy.importance] if strategy.ranking is Ranking.JOINT else None
        return allocate(self._plan, strategy.ratios, scores=scores)

    def _finished(self) -> list[Report]:
        """The last word of each trial that went through all its rungs in this session."""
        return [report for report in self._reports.values() if (report.rung or 0) + 1 == self._rules.rungs]

    def _begin(self, report: Report) -> None:
        if report.trial not in self._reports:
            self._ledger.record(
                TrialStarted(trial=report.trial, actor=report.actor, pid=report.pid, started=report.started)
            )
        before = self._reports.get(report.trial)
        if report.note is not None and (before is None or before.note is None):
            self._ledger.record(Decision(decision=DecisionKind.RETRIED, trial=report.trial, reason=report.note))
        self._reports[report.trial] = report

    def _end(self, trial: int, state: TrialState, error: str | None = None) -> None:
        accuracies = tuple(self._accuracies.get(trial, ()))
        last = self._reports.get(trial)
        result = TrialResult(trial, state, accuracies, error)
        self._ledger.record(
            TrialEnded(
                trial=trial,
                state=state,
                accuracy=result.accuracy,
                rungs=len(accuracies),
                wall_s=(last.now - last.started).total_seconds() if last else 0.0,
                actor=last.actor if last else None,
                started=last.started if last else None,
                ended=last.now if last else None,
                served=last.served if last else 0,
                error=error,
                compute_s=last.compute_s if last else None,
            )
        )
        self.history.end(result)


def _same_model(first: TrialSpec, second: TrialSpec) -> bool:
    """The same allocation by the same criterion keeps the same units: the trial would repeat itself to the bit."""
    return (
        first.allocation == second.allocation
        and first.proposal.strategy.importance == second.proposal.strategy.importance
    )


def record_of(spec: TrialSpec) -> Proposed:
    return Proposed(
        trial=spec.trial,
        proposer=spec.proposal.proposer,
        strategy=StrategyRecord.model_validate(spec.proposal.strategy.to_json()),
        requested_macs=spec.requested_macs,
        in_band=spec.in_band,
        allocation=spec.allocation,
        macs=spec.macs,
        params=spec.params,
        rationale=spec.proposal.rationale,
        requested_allocation=spec.proposal.allocation,
    )


def _spec_of(record: Proposed) -> TrialSpec:
    strategy = Strategy.from_json(record.strategy.model_dump())
    return TrialSpec(
        trial=record.trial,
        proposal=Proposal(strategy, record.proposer, record.rationale, record.requested_allocation),
        allocation=tuple(record.allocation),
        macs=record.macs,
        params=record.params,
        requested_macs=record.requested_macs,
        in_band=record.in_band,
    )
