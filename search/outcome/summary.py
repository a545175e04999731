"""`summary.json`: what a run came to, derived from its ledger and nothing else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from ground.files import replaced
from search.outcome.explanation import Explanation, explain
from search.outcome.part import Part
from search.outcome.warnings import warnings_of
from tracking.events import Event, payloads_of
from tracking.kinds import DecisionKind, RunStatus, Subject, TrialState
from tracking.made_with import sessions_of
from tracking.payloads import (
    BaseReady,
    Decision,
    Evaluated,
    FinetuneEnded,
    FinetuneStarted,
    LlmCall,
    Payload,
    PlanReady,
    Proposed,
    RunEnded,
    RunStarted,
    TrialEnded,
    Winner,
)
from tracking.phases import asked_trials, since_winner
from tracking.provenance import Provenance
from tracking.totals import QUALITIES, is_revision
from tracking.tracker import TrackingState

SCHEMA = 1
_P = TypeVar("_P", bound=Payload)


class Baseline(Part):
    """The unpruned model.

    Attributes:
        accuracy: on the test set; None until it was read.
        latency_ms: the median at batch 1, measured beside the winner's.
        weights_bytes: of parameters and buffers; None until they were counted, and in older ledgers.
    """

    macs: int
    params: int
    accuracy: float | None
    latency_ms: float | None = None
    weights_bytes: int | None = None


class WinnerSummary(Part):
    """The chosen model.

    Attributes:
        accuracy: on the test set, after the fine-tune; None until it was read.
        latency_ms: the median at batch 1.
        weights_bytes: of parameters and buffers; None until they were counted, and in older ledgers.
    """

    trial: int
    proposer: str
    strategy: dict[str, Any]
    macs: int
    params: int
    proxy_accuracy: float
    accuracy: float | None
    latency_ms: float | None
    weights_bytes: int | None = None


class TrialCounts(Part):
    """How many trials were proposed, and how they ended."""

    proposed: int
    completed: int
    stopped_early: int
    failed: int


class LlmSummary(Part):
    """What an LLM was asked, what it cost, and how well it kept to what it was asked for; docs/ledger.md explains.

    Tokens, cost and the counts of quality are None when one call's are not known: sums leave nothing out in silence.
    """

    calls: int
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    latency_s: float
    quality: dict[str, int] | None


class MlflowIds(Part):
    """Where MLflow holds the run; ids are None when it could not be reached."""

    tracking_uri: str
    experiment_id: str | None
    run_id: str | None


class Summary(Part):
    """One run. Documented in docs/summary-schema.md; `schema` rises when a field changes its meaning or is removed."""

    schema_version: int = Field(default=SCHEMA, alias="schema")
    run_id: str
    status: RunStatus
    error: str | None
    model: str
    dataset: str
    proposer: str
    llm: str | None
    seed: int
    counter: str | None
    baseline: Baseline | None
    target_macs: int | None
    band: tuple[int, int] | None
    winner: WinnerSummary | None
    trials: TrialCounts
    revisions: int
    wall_s: float
    mlflow: MlflowIds | None
    llm_use: LlmSummary | None = None
    explanation: Explanation | None = None
    ended_early: str | None = None
    warnings: tuple[str, ...] = ()
    recipe: dict[str, Any] | None = None
    provenance: tuple[Provenance, ...] = ()

    def write(self, path: Path) -> None:
        """Write it as JSON, replacing an earlier one whole."""
        with replaced(path, durable=True) as draft:
            draft.write_text(self.model_dump_json(by_alias=True, indent=2) + "\n", encoding="utf-8")


def read_summary(path: Path) -> Summary:
    """Read a written summary.

    Raises:
        ValidationError: it has another format.
    """
    return Summary.model_validate_json(path.read_text(encoding="utf-8"))


def summarise(events: Sequence[Event], mlflow: MlflowIds | None = None) -> Summary:
    """Summarise a ledger, finished or not: what did not happen is None."""
    started = payloads_of(events, RunStarted)[0]
    plan = _last(events, PlanReady)
    ended = _last(events, RunEnded)
    return Summary(
        run_id=started.run_id,
        status=ended.status if ended else RunStatus.INTERRUPTED,
        error=ended.error if ended else None,
        model=started.model,
        dataset=started.dataset,
        proposer=started.proposer,
        llm=started.llm,
        seed=started.seed,
        counter=plan.counter if plan else None,
        baseline=_baseline(events),
        target_macs=plan.target_macs if plan else None,
        band=plan.band if plan else None,
        winner=_winner(events),
        trials=_trials(events),
        revisions=count_revisions(events),
        wall_s=round(ended.wall_s, 3) if ended else 0.0,
        mlflow=mlflow,
        llm_use=_llm_use(payloads_of(events, LlmCall)),
        explanation=explain(events),
        ended_early=_ended_early(events),
        warnings=tuple(warnings_of(events)),
        recipe=_recipe(events),
        provenance=sessions_of(events),
    )


def mlflow_ids(state: TrackingState) -> MlflowIds | None:
    """Return where MLflow holds a run; None where the run is not shown in MLflow."""
    if state.tracking_uri is None:
        return None
    return MlflowIds(tracking_uri=state.tracking_uri, experiment_id=state.experiment_id, run_id=state.run_id)


def _ended_early(events: Sequence[Event]) -> str | None:
    """Why the search ended before all trials that were asked for; None if it did not."""
    stops = [record for record in payloads_of(events, Decision) if record.decision is DecisionKind.STOP]
    if not stops or len(payloads_of(events, Proposed)) >= asked_trials(events):
        return None
    last = stops[-1]
    return last.reason if last.condition is None else f"{last.condition}: {last.reason}"


def count_revisions(events: Sequence[Event]) -> int:
    """Count the proposals whose own request missed the band; the start that all arms share belongs to none of them."""
    return sum(is_revision(event.payload) for event in events)


def _baseline(events: Sequence[Event]) -> Baseline | None:
    base = _last(events, BaseReady)
    if base is None:
        return None
    reading = _last_of(_evaluations(events, Subject.BASE))
    return Baseline(
        macs=base.macs,
        params=base.params,
        accuracy=reading.accuracy if reading else None,
        latency_ms=_latency(reading),
        weights_bytes=reading.weights_bytes if reading else None,
    )


def _winner(events: Sequence[Event]) -> WinnerSummary | None:
    winner = _last(events, Winner)
    if winner is None:
        return None
    own = since_winner(events)
    reading = _last_of(_evaluations(own, Subject.WINNER))
    proposer = next(record.proposer for record in payloads_of(events, Proposed) if record.trial == winner.trial)
    return WinnerSummary(
        trial=winner.trial,
        proposer=proposer,
        strategy={**winner.strategy.model_dump(mode="json"), "allocation": list(winner.allocation)},
        macs=winner.macs,
        params=winner.params,
        proxy_accuracy=winner.proxy_accuracy,
        accuracy=reading.accuracy if reading and _last(own, FinetuneEnded) else None,
        latency_ms=_latency(reading),
        weights_bytes=reading.weights_bytes if reading else None,
    )


def _trials(events: Sequence[Event]) -> TrialCounts:
    states = [record.state for record in payloads_of(events, TrialEnded)]
    return TrialCounts(
        proposed=len(payloads_of(events, Proposed)),
        completed=states.count(TrialState.COMPLETED),
        stopped_early=states.count(TrialState.STOPPED_EARLY),
        failed=states.count(TrialState.FAILED),
    )


def _llm_use(calls: Sequence[LlmCall]) -> LlmSummary | None:
    if not calls:
        return None
    usages = [call.usage for call in calls if call.usage is not None]
    costs = [call.cost_usd for call in calls if call.cost_usd is not None]
    all_counted = len(usages) == len(calls)
    qualities = [call.quality for call in calls if call.quality is not None]
    return LlmSummary(
        calls=len(calls),
        input_tokens=sum(usage.input_tokens for usage in usages) if all_counted else None,
        output_tokens=sum(usage.output_tokens for usage in usages) if all_counted else None,
        cost_usd=sum(costs) if len(costs) == len(calls) else None,
        latency_s=round(sum(call.latency_s for call in calls), 3),
        quality={name: sum(getattr(quality, name) for quality in qualities) for name in QUALITIES}
        if len(qualities) == len(calls)
        else None,
    )


def _recipe(events: Sequence[Event]) -> dict[str, Any] | None:
    """The recipe that the winner's fine-tune really used; None before it began."""
    begun = _last(since_winner(events), FinetuneStarted)
    return None if begun is None else dict(begun.recipe)


def _latency(reading: Evaluated | None) -> float | None:
    return round(reading.latency_ms.median, 4) if reading and reading.latency_ms else None


def _last_of(readings: Sequence[Evaluated]) -> Evaluated | None:
    return readings[-1] if readings else None


def _evaluations(events: Sequence[Event], subject: Subject) -> list[Evaluated]:
    return [record for record in payloads_of(events, Evaluated) if record.subject is subject]


def _last(events: Sequence[Event], kind: type[_P]) -> _P | None:
    found = payloads_of(events, kind)
    return found[-1] if found else None
