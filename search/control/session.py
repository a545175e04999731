"""One search, without Ray: carries out the master's decisions and writes each into the ledger before acting on it."""

from collections.abc import Sequence
from typing import NamedTuple

from search.control.active_arm import ActiveArm
from search.control.admission import Admission
from search.control.master import Move, Situation, decide
from search.control.report import Report
from search.control.rules import Rules
from search.control.running import RunningTrials
from search.control.steering import View, assess
from search.proposers.base import Proposer
from search.space.budget import Budget
from search.space.history import History, TrialSpec
from search.space.search_space import SearchSpace
from tracking.events import Event
from tracking.kinds import STEERED, Condition, Course, DecisionKind
from tracking.ledger import Ledger
from tracking.payloads import Decision


class Turn(NamedTuple):
    """What a free worker gets: a trial, or nothing yet, or nothing ever again."""

    spec: TrialSpec | None
    over: bool


_NOT_YET = Turn(None, over=False)


class SearchSession:
    """The state of one search. Every method is called from one thread: Tune's loop.

    Attributes:
        history: the trials, and what came of them.
        stop_reason: why nothing new is begun; None while something may be.
    """

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
        self.budget: Budget = space.budget
        self._limits = rules.limits
        self._ledger = ledger
        self._arm = ActiveArm(space, proposer, substitute)
        self._admission = Admission(space, self.history, ledger, projection=rules.projection)
        self._running = RunningTrials(rules, self.history, ledger)
        self._interrupted = False

    @property
    def interrupted(self) -> bool:
        """Whether the user interrupted the search."""
        return self._interrupted

    def interrupt(self) -> None:
        """Propose nothing more. Safe to call from a signal handler: it only sets a flag."""
        self._interrupted = True

    def begin(self) -> None:
        """Let the proposer think while the actors are still to be started."""
        if not self.history:
            self._arm.begin()

    def next(self) -> Turn:
        """Decide what to run now. Never blocks."""
        while True:
            decision = decide(self._situation(), self._limits)
            match decision.move:
                case Move.STOP:
                    return self._stop(decision.reason)
                case Move.WAIT:
                    return _NOT_YET
                case Move.RERUN:
                    return Turn(self._running.rerun(), over=False)
                case Move.SWITCH:
                    self._switch(decision.reason)
                case Move.PROPOSE:
                    turn = self._propose()
                    if turn is not None:
                        return turn

    def on_report(self, report: Report) -> bool:
        """Take a rung or an error.

        Returns:
            Whether the trial must stop here.
        """
        return self._running.take(report)

    def on_lost(self, trial: int, error: str) -> None:
        """Hear that a trial's process died. Unless the run was interrupted, the trial runs once more, or has failed."""
        if not self._interrupted:
            self._running.lose(trial, error)

    def overdue(self, trial: int, taken_s: float) -> bool:
        """Return whether the trial is over its deadline, and its actor to be killed: true once for each trial."""
        return self._running.give_up_if_overdue(trial, taken_s)

    def restore(self, events: Sequence[Event]) -> None:
        """Take up an interrupted run: ended trials stand, begun ones start again under their number."""
        for event in events:
            self._admission.restore(event.payload)
            self._running.restore(event.payload)
            match event.payload:
                case Decision(decision=DecisionKind.SWITCH_ARM):
                    self._take_over()
                case Decision(decision=kind) if kind in STEERED:
                    self._arm.course = Course(kind)
        self._running.rerun_unfinished()
        self._arm.restore(self.history, events)

    def _situation(self) -> Situation:
        return Situation(
            history=self.history,
            unfinished=self._running.to_rerun,
            missed=self._admission.missed,
            repeated=self._admission.repeated_in_a_row,
            interrupted=self._interrupted,
            # The common start belongs to no proposer: it is tried whatever has befallen the one that was asked for.
            problem=self._arm.problem if self.history else None,
            can_switch=self._arm.substitute is not None,
        )

    def _propose(self) -> Turn | None:
        """Find a new trial, or "not yet", or the end; None when the next move is to be decided anew."""
        stopped = self._steer()
        if stopped is not None:
            return stopped
        proposal = self._arm.propose(self._admission.asked, self.history)
        if proposal is None:
            return _NOT_YET if self._arm.problem is None else None
        spec = self._admission.admit(proposal)
        return None if spec is None else Turn(spec, over=False)

    def _steer(self) -> Turn | None:
        """Assess how the search goes, and carry out what follows; the end, if that follows.

        The arm is given its course before each proposal. Only a change of course is written down.
        """
        if not self._arm.is_steerable:
            return None
        assessment = assess(self._view())
        course, condition = assessment.course, assessment.condition
        match course:
            case Course.STOP:
                return self._stop(assessment.reason, condition)
            case Course.SWITCH_ARM:
                self._switch(assessment.reason, condition)
            case _ if condition is not Condition.OPENING:
                if course is not self._arm.course:
                    self._decide(DecisionKind(course), assessment.reason, condition)
                self._arm.steer(course)
        return None

    def _view(self) -> View:
        return View(
            ended=self.history.readable(),
            budget=self.budget,
            trial=len(self.history),
            trials=self._limits.trials,
            repeated=self._admission.repeated_in_a_row,
            can_switch=self._arm.substitute is not None,
        )

    def _switch(self, reason: str, condition: Condition | None = None) -> None:
        """Let the substitute take over. It was asked for by name, and its trials carry its own."""
        self._decide(DecisionKind.SWITCH_ARM, f"{reason}; {self._arm.substitute} proposes from here on", condition)
        self._take_over()

    def _take_over(self) -> None:
        self._arm.take_over(self._admission.asked)
        self._admission.repeated_in_a_row = 0

    def _stop(self, reason: str, condition: Condition | None = None) -> Turn:
        """Begin nothing new. It is over once nothing runs either: until then a trial may be lost and run again."""
        if self.stop_reason is None:
            self._decide(DecisionKind.STOP, reason, condition)
            self.stop_reason = reason if condition is None else f"{condition}: {reason}"
        return Turn(None, over=self._interrupted or not self.history.running)

    def _decide(self, kind: DecisionKind, reason: str, condition: Condition | None = None) -> None:
        self._ledger.record(Decision(decision=kind, reason=reason, condition=condition))
