"""Which of an LLM's strategies have become trials, counted from a ledger's events."""

from collections import deque

from tracking.kinds import TURNED_BACK, DecisionKind
from tracking.payloads import Decision, LlmCall, Payload, Proposed
from tracking.totals import COMMON_START


class StrategyQueue:
    """The strategies that an LLM has answered and that wait for a trial: the first answered is the first tried.

    A ledger from before the strategies of an answer were counted does not tell which: what follows from one is None.
    """

    def __init__(self) -> None:
        self._calls: deque[int] = deque()
        self._origins: dict[int, int] = {}
        self._is_counted = True
        self._is_open = True

    @property
    def waiting(self) -> int | None:
        """Strategies in hand."""
        return len(self._calls) if self._is_counted else None

    def origin(self, trial: int) -> int | None:
        """Return the number of the call that a trial came from; None also for a trial that no LLM proposed."""
        return self._origins.get(trial)

    def take(self, payload: Payload) -> None:
        """Take one more event; those that move no strategy change nothing."""
        match payload:
            case LlmCall() if self._is_open:
                self._answered(payload)
            case Proposed() if payload.proposer != COMMON_START:
                self._handed_out(payload.trial)
            case Decision() if payload.decision in TURNED_BACK:
                self._handed_out(None)
            case Decision(decision=DecisionKind.SWITCH_ARM):
                # The arm that takes over proposes from here on; what the LLM still has is never tried.
                self._calls.clear()
                self._is_open = False

    def _answered(self, call: LlmCall) -> None:
        if call.quality is None:
            self._is_counted = False
            self._calls.clear()
        elif self._is_counted:
            self._calls.extend([call.call] * call.quality.strategies)

    def _handed_out(self, trial: int | None) -> None:
        call = self._calls.popleft() if self._calls else None
        if call is not None and trial is not None:
            self._origins[trial] = call
