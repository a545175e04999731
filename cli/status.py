"""How a search stands, counted from its events."""

from search.outcome.formats import share_text
from search.outcome.strategy_queue import StrategyQueue
from tracking.kinds import TrialState
from tracking.payloads import (
    BaseReady,
    Extended,
    LlmCall,
    Payload,
    Proposed,
    Resumed,
    Rung,
    TrialEnded,
    TrialStarted,
    Winner,
)
from tracking.totals import COMMON_START, Totals


class SearchStatus:
    """The best so far, who runs, what waits and what was spent, of a search that is to have so many trials."""

    def __init__(self, trials: int) -> None:
        self.trials = trials
        self.specs: dict[int, Proposed] = {}
        self.searching = False
        self.ended = 0
        # Rungs scored, by trial. The ledger hears of a trial's actor with its first score: who has none is here too.
        self._running: dict[int, int] = {}
        self._cut_off: set[int] = set()
        # Compared as the winner will be: accuracy, then fewer MACs, then the earlier trial.
        self._best: tuple[float, int, int] | None = None
        self._start: float | None = None
        self._totals = Totals()
        self._use: dict[str, float] = {}
        self._queue = StrategyQueue()

    @property
    def best_trial(self) -> int | None:
        return None if self._best is None else -self._best[2]

    def take(self, payload: Payload) -> None:
        """Go on with one more event."""
        self._queue.take(payload)
        match payload:
            case BaseReady() | Extended():
                self.searching = True
            case Winner():
                self.searching = False
            case LlmCall():
                self._use = self._totals.call_llm(payload)
            case Resumed():
                # What ran when the run was interrupted begins again, under its number.
                self._cut_off |= self._running.keys()
                self._running.clear()
            case Proposed() | TrialStarted() | Rung() | TrialEnded():
                self._trial(payload)

    def rows(self) -> tuple[tuple[str, str], ...]:
        """Each with its name, for a table of two columns."""
        return (
            ("best", self._best_words()),
            ("running", self._running_words()),
            ("waiting", self._waiting_words()),
            ("spent", " · ".join([f"{self.ended} of {self.trials} trials", *self._llm_words()])),
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
        self._best = score if self._best is None else max(self._best, score)
        if spec.proposer == COMMON_START:
            self._start = accuracy

    def _best_words(self) -> str:
        if self._best is None or self.best_trial is None:
            return "no trial completed yet"
        beside = "" if self._start is None else f" · uniform start {share_text(self._start)}"
        proposer = self.specs[self.best_trial].proposer
        return f"{share_text(self._best[0])} on the holdout, trial {self.best_trial}{beside} · by {proposer}"

    def _running_words(self) -> str:
        by_rung: dict[int, list[str]] = {}
        for trial, rung in sorted(self._running.items(), key=lambda pair: (-pair[1], pair[0])):
            by_rung.setdefault(rung, []).append(str(trial))
        told = [
            f"{', '.join(trials)} {f'at rung {rung}' if rung else 'not scored yet'}" for rung, trials in by_rung.items()
        ]
        return f"{_counted(len(self._running), 'trial')}: {' · '.join(told)}" if told else "none"

    def _waiting_words(self) -> str:
        waiting = self._queue.waiting
        parts = [_counted(len(self._cut_off), "trial") + " to begin again"] if self._cut_off else []
        parts += [_counted(waiting, "proposal") + " of the LLM"] if waiting else []
        parts += ["proposals of the LLM are not counted in this ledger"] if waiting is None else []
        return " · ".join(parts) or "none"

    def _llm_words(self) -> list[str]:
        """Calls, and their tokens and dollars as far as they are known."""
        calls = round(self._use.get("llm_calls", 0))
        if not calls:
            return []
        told = [_counted(calls, "LLM call")]
        unknown = self._use["llm_calls_without_usage"]
        if unknown < calls:
            tokens = round(self._use["llm_input_tokens"] + self._use["llm_output_tokens"])
            told.append(f"{'at least ' * (unknown > 0)}{tokens:,} tokens")
        unknown = self._use["llm_calls_without_cost"]
        if unknown < calls:
            told.append(f"{'at least ' * (unknown > 0)}${self._use['llm_cost_usd']:.4f}")
        return told


def _counted(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"
