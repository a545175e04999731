"""The running totals of a run: numbers of proposals, trials and tokens, and the cost so far."""

from collections import Counter

from tracking.kinds import TURNED_BACK, DecisionKind, TrialState
from tracking.payloads import AnswerQuality, Decision, LlmCall, Payload, Proposed, TrialEnded

COMMON_START = "start"
"""The label of trial 0, which all arms share and which belongs to no proposer."""

QUALITIES = tuple(
    name
    for name, field in AnswerQuality.model_fields.items()
    if field.annotation is int and name not in ("fenced", "prose")
)
"""The counts of answer quality that are summed over a run. The form in which the JSON came is left out."""

_BY_STATE = tuple(f"trials_{state.value}" for state in TrialState)


def is_revision(payload: Payload) -> bool:
    """Whether a proposer requested MACs outside the band, before any projection.

    The common start is no revision, because it belongs to no proposer.
    """
    match payload:
        case Proposed():
            return not payload.in_band and payload.proposer != COMMON_START
        case Decision():
            return payload.decision is DecisionKind.MISSED
        case _:
            return False


def proposed_by_an_arm(payload: Payload) -> bool:
    """Return whether an arm proposed a strategy, even one that was turned back. The common start is nobody's."""
    match payload:
        case Proposed():
            return payload.proposer != COMMON_START
        case Decision():
            return payload.decision in TURNED_BACK
        case _:
            return False


class Totals:
    """Totals that are updated event by event; each method returns the totals that changed, by metric name."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._cost_usd = 0.0
        self._best: float | None = None

    @property
    def asked(self) -> int:
        """Number of strategies from proposers, including those that were turned back."""
        return self._counts["trials_proposed"] + self._counts["turned_back"]

    @property
    def ended(self) -> int:
        """Number of trials that ended, in any state."""
        return sum(self._counts[name] for name in _BY_STATE)

    @property
    def llm_calls(self) -> int:
        """Number of LLM calls."""
        return self._counts["llm_calls"]

    def propose(self, payload: Proposed | Decision) -> dict[str, float]:
        """Count a strategy that became a trial or was turned back."""
        self._counts["trials_proposed" if isinstance(payload, Proposed) else "turned_back"] += 1
        self._counts["revisions"] += is_revision(payload)
        return self._named("trials_proposed", "revisions")

    def end_trial(self, payload: TrialEnded) -> dict[str, float]:
        """Count the end of a trial.

        The accuracy of a trial that was stopped early is not considered for the best, because it was scored after less
        training.
        """
        self._counts[f"trials_{payload.state.value}"] += 1
        if payload.state is TrialState.COMPLETED and payload.accuracy is not None:
            self._best = max(self._best or 0.0, payload.accuracy)
        best = {} if self._best is None else {"best_proxy_accuracy": self._best}
        return self._named(*_BY_STATE) | best

    def trials(self) -> dict[str, float]:
        """Return the counts of proposals, and of trials by state, including zeros."""
        return self._named("trials_proposed", "revisions", *_BY_STATE)

    def call_llm(self, payload: LlmCall) -> dict[str, float]:
        """Count an LLM call.

        Calls without reported tokens or without a known price are also counted separately, so that a reader sees how
        many calls each sum lacks.
        """
        counts, usage = self._counts, payload.usage
        counts["llm_calls"] += 1
        counts["llm_invalid_answers"] += payload.validation_error is not None
        counts["llm_calls_without_usage"] += usage is None
        counts["llm_calls_without_cost"] += payload.cost_usd is None
        if usage is not None:
            counts["llm_input_tokens"] += usage.input_tokens
            counts["llm_output_tokens"] += usage.output_tokens
        self._cost_usd += payload.cost_usd or 0.0
        names = ("llm_calls", "llm_invalid_answers", "llm_calls_without_usage", "llm_calls_without_cost")
        tokens = ("llm_input_tokens", "llm_output_tokens")
        qualities = self._count_quality(payload)
        return self._named(*names, *tokens, *qualities) | {"llm_cost_usd": self._cost_usd}

    def _count_quality(self, payload: LlmCall) -> tuple[str, ...]:
        """Return the names of the totals that changed; none for a ledger from before quality was counted."""
        if payload.quality is None:
            return ()
        for name in QUALITIES:
            self._counts[f"llm_{name}"] += getattr(payload.quality, name)
        return tuple(f"llm_{name}" for name in QUALITIES)

    def _named(self, *names: str) -> dict[str, float]:
        return {name: self._counts[name] for name in names}
