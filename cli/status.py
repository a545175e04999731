"""The state of a search, counted from its events."""

from ground.counting import counted
from search.outcome.formats import share_text
from tracking.kinds import TrialState
from tracking.payloads import (
    BaseReady,
    Extended,
    Finalists,
    LlmCall,
    Payload,
    Proposed,
    Resumed,
    Rung,
    TrialEnded,
    TrialStarted,
    Winner,
)
from tracking.strategy_queue import StrategyQueue
from tracking.totals import COMMON_START, Totals


class SearchStatus:
    """The best trial so far, the running trials, the waiting proposals, and what was spent.

    Attributes:
        trials: of the whole search.
        specs: what was proposed, by trial.
        searching: whether the search has begun and has no winner yet.
        ended: trials that have ended.
    """

    def __init__(self, trials: int) -> None:
        """Begin with no event; `trials` of the whole search."""
        self.trials = trials
        self.specs: dict[int, Proposed] = {}
        self.searching = False
        self.ended = 0
        # Rungs scored, by trial. The ledger has a trial's start with its first score: trials without one are here too.
        self._running: dict[int, int] = {}
        self._cut_off: set[int] = set()
        # Ordered as the winner is chosen: accuracy, then fewer MACs, then the earlier trial.
        self._best: tuple[float, int, int] | None = None
        self._tie = ""
        self._start: float | None = None
        self._totals = Totals()
        self._use: dict[str, float] = {}
        self._queue = StrategyQueue()

    @property
    def best_by_tie(self) -> str:
        """Why the best trial was preferred to another of the same score; empty if it scored higher than all."""
        return self._tie

    @property
    def best_trial(self) -> int | None:
        """The number of the best completed trial; None if none has completed."""
        return None if self._best is None else -self._best[2]

    def take(self, payload: Payload) -> None:
        """Take one more event."""
        self._queue.take(payload)
        match payload:
            case BaseReady() | Extended():
                self.searching = True
            case Finalists() | Winner():
                self.searching = False
            case LlmCall():
                self._use = self._totals.call_llm(payload)
            case Resumed():
                # Trials that ran when the run was interrupted start again under their numbers.
                self._cut_off |= self._running.keys()
                self._running.clear()
            case Proposed() | TrialStarted() | Rung() | TrialEnded():
                self._trial(payload)

    def rows(self) -> tuple[tuple[str, str], ...]:
        """The state as names and descriptions, for a table of two columns."""
        return (
            ("best", self._describe_best()),
            ("running", self._describe_running()),
            ("waiting", self._describe_waiting()),
            ("spent", " · ".join([f"{self.ended} of {self.trials} trials", *self._describe_llm_use()])),
        )

    def _trial(self, payload: Proposed | TrialStarted | Rung | TrialEnded) -> None:
        match payload:
            case Proposed():
                self.specs[payload.trial] = payload
                self._running[payload.trial] = 0
            case TrialStarted():
                self._cut_off.discard(payload.trial)
                self._running[payload.trial] = 0
            case Rung():
                self._running[payload.trial] = payload.rung + 1
            case TrialEnded():
                self._cut_off.discard(payload.trial)
                self._running.pop(payload.trial, None)
                self.ended += 1
                if payload.state is TrialState.COMPLETED:
                    self._completed(payload)

    def _completed(self, ended: TrialEnded) -> None:
        accuracy, spec = ended.accuracy or 0.0, self.specs[ended.trial]
        score = (accuracy, -spec.macs, -ended.trial)
        if self._best is not None and score[0] == self._best[0]:
            why = "fewer MACs" if score[1] != self._best[1] else "being the earlier trial"
            loser = -min(self._best, score)[2]
            self._tie = f"equal to trial {loser}, preferred for {why}"
        elif self._best is None or score > self._best:
            self._tie = ""
        self._best = score if self._best is None else max(self._best, score)
        if spec.proposer == COMMON_START:
            self._start = accuracy

    def _describe_best(self) -> str:
        if self._best is None or self.best_trial is None:
            return "no trial completed yet"
        beside = "" if self._start is None else f" · uniform start {share_text(self._start)}"
        proposer = self.specs[self.best_trial].proposer
        return f"{share_text(self._best[0])} on the holdout, trial {self.best_trial}{beside} · by {proposer}"

    def _describe_running(self) -> str:
        by_rung: dict[int, list[str]] = {}
        for trial, rung in sorted(self._running.items(), key=lambda pair: (-pair[1], pair[0])):
            by_rung.setdefault(rung, []).append(str(trial))
        parts = [
            f"{', '.join(trials)} {f'at rung {rung}' if rung else 'not scored yet'}" for rung, trials in by_rung.items()
        ]
        return f"{counted(len(self._running), 'trial')}: {' · '.join(parts)}" if parts else "none"

    def _describe_waiting(self) -> str:
        waiting = self._queue.waiting
        parts = [counted(len(self._cut_off), "trial") + " to begin again"] if self._cut_off else []
        parts += [counted(waiting, "proposal") + " of the LLM"] if waiting else []
        parts += ["proposals of the LLM are not counted in this ledger"] if waiting is None else []
        return " · ".join(parts) or "none"

    def _describe_llm_use(self) -> list[str]:
        """Calls, and their tokens and dollars as far as they are known."""
        calls = round(self._use.get("llm_calls", 0))
        if not calls:
            return []
        parts = [counted(calls, "LLM call")]
        unknown = self._use["llm_calls_without_usage"]
        if unknown < calls:
            tokens = round(self._use["llm_input_tokens"] + self._use["llm_output_tokens"])
            parts.append(f"{'at least ' * (unknown > 0)}{tokens:,} tokens")
        unknown = self._use["llm_calls_without_cost"]
        if unknown < calls:
            parts.append(f"{'at least ' * (unknown > 0)}${self._use['llm_cost_usd']:.4f}")
        return parts
