"""The trials that run: what their workers report, how each ends, and which of them run again."""

from collections import deque
from dataclasses import dataclass, field

from search.control.report import Report
from search.control.rules import Rules
from search.space.history import History, TrialSpec
from search.space.results import TrialResult
from tracking.kinds import DecisionKind, TrialState
from tracking.ledger import Ledger
from tracking.payloads import Decision, Payload, Rung, TrialEnded, TrialStarted


@dataclass(slots=True)
class _Attempt:
    """A trial since it last began: the scores of its rungs, and the last report of its worker."""

    accuracies: list[float] = field(default_factory=list)
    last: Report | None = None


class RunningTrials:
    """Takes the reports of trials and ends them. Each event is in the ledger before anything follows from it."""

    def __init__(self, rules: Rules, history: History, ledger: Ledger) -> None:
        self._rules, self._history, self._ledger = rules, history, ledger
        self._attempts: dict[int, _Attempt] = {}
        self._to_rerun: deque[TrialSpec] = deque()
        self._lost: set[int] = set()
        self._given_up: dict[int, str] = {}

    @property
    def to_rerun(self) -> int:
        """How many trials are to run again: those of an interrupted run, and those whose process died."""
        return len(self._to_rerun)

    def rerun(self) -> TrialSpec:
        """Take the next of the trials that are to run again."""
        return self._to_rerun.popleft()

    def take(self, report: Report) -> bool:
        """Take a rung or an error.

        Returns:
            Whether the trial must stop here.
        """
        attempt = self._note(report)
        if report.rung is None:
            self._end(report.trial, TrialState.FAILED, report.error)
            return True
        rung = report.rung
        assert rung.rung == len(attempt.accuracies), "rungs come in order"
        self._ledger.record(rung)
        attempt.accuracies.append(rung.accuracy)
        if rung.rung + 1 == self._rules.rungs:
            self._end(report.trial, TrialState.COMPLETED)
            return True
        if self._rules.halving.stops(self._history, report.trial, rung.rung, rung.accuracy):
            self._end(report.trial, TrialState.STOPPED_EARLY)
            return True
        return False

    def lose(self, trial: int, error: str) -> None:
        """Put a trial whose process died back into the queue, alone or with its node, to run once more.

        One that was over its deadline, or that loses its second process too, has failed: it may well be the cause.
        """
        if self._history.result(trial) is not None:
            return
        if trial in self._given_up:
            self._end(trial, TrialState.FAILED, self._given_up[trial])
        elif trial in self._lost:
            self._end(trial, TrialState.FAILED, f"{error}, as it had in an earlier run of this trial")
        else:
            self._ledger.record(Decision(decision=DecisionKind.RETRIED, trial=trial, reason=f"{error}, so once more"))
            self._lost.add(trial)
            self._attempts.pop(trial, None)
            self._to_rerun.append(self._history[trial])

    def give_up_if_overdue(self, trial: int, taken_s: float) -> bool:
        """Give a trial up that is over its deadline.

        Returns:
            Whether it was given up now, so that its worker is to be killed: true once for each trial.
        """
        rule = self._rules.deadline
        allowed = rule.seconds(self._finished_s())
        if allowed is None or taken_s <= allowed or trial in self._given_up or self._history.result(trial) is not None:
            return False
        self._given_up[trial] = rule.describe(taken_s)
        return True

    def restore(self, payload: Payload) -> None:
        """Take up one event of an interrupted run: ended trials stand."""
        match payload:
            case TrialStarted():
                self._attempts[payload.trial] = _Attempt()
            case Rung():
                self._attempts.setdefault(payload.trial, _Attempt()).accuracies.append(payload.accuracy)
            case TrialEnded():
                scored = self._attempts.get(payload.trial, _Attempt()).accuracies
                self._history.end(TrialResult(payload.trial, payload.state, tuple(scored), payload.error))

    def rerun_unfinished(self) -> None:
        """Let every trial that has not ended start again under its number: once all events were taken up."""
        self._attempts.clear()
        self._to_rerun = deque(self._history.running)

    def _finished_s(self) -> list[float]:
        """Seconds of each trial that went through all its rungs in this session."""
        full = self._rules.rungs
        return [
            attempt.last.seconds
            for attempt in self._attempts.values()
            if attempt.last is not None and len(attempt.accuracies) == full
        ]

    def _note(self, report: Report) -> _Attempt:
        """Write down that a trial began, at its first report, and what its worker did to go on with it."""
        attempt = self._attempts.setdefault(report.trial, _Attempt())
        before = attempt.last
        if before is None:
            self._ledger.record(
                TrialStarted(trial=report.trial, actor=report.actor, pid=report.pid, started=report.started)
            )
        if report.note is not None and (before is None or before.note is None):
            self._ledger.record(Decision(decision=DecisionKind.RETRIED, trial=report.trial, reason=report.note))
        attempt.last = report
        return attempt

    def _end(self, trial: int, state: TrialState, error: str | None = None) -> None:
        attempt = self._attempts.get(trial, _Attempt())
        last = attempt.last
        result = TrialResult(trial, state, tuple(attempt.accuracies), error)
        self._ledger.record(
            TrialEnded(
                trial=trial,
                state=state,
                accuracy=result.accuracy,
                rungs=len(result.accuracies),
                wall_s=last.seconds if last else 0.0,
                actor=last.actor if last else None,
                started=last.started if last else None,
                ended=last.now if last else None,
                served=last.served if last else 0,
                error=error,
                compute_s=last.compute_s if last else None,
            )
        )
        self._history.end(result)
