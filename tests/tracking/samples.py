"""The events of a small search: two proposals on target and one off, a failure, an early stop, a fine-tune."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from llm_clients.kinds import CallOutcome
from tracking.events import Event
from tracking.kinds import DecisionKind, Ranking, RunStatus, SplitName, Subject, TrialState
from tracking.ledger import Ledger
from tracking.payloads import (
    AnswerQuality,
    BaseReady,
    DataRecord,
    Decision,
    Evaluated,
    Exported,
    FinetuneEnded,
    FinetuneEpoch,
    FinetuneStarted,
    GroupShape,
    Latency,
    LlmAsked,
    LlmCall,
    Payload,
    PlanReady,
    Proposed,
    RunEnded,
    Rung,
    RunStarted,
    SplitRecord,
    StrategyRecord,
    TrialEnded,
    TrialStarted,
    UsageRecord,
    Winner,
)
from tracking.runs import RunDir, RunDirs

START = datetime(2026, 11, 21, 10, 42, 33, 125000, tzinfo=UTC)
QUALITY = tuple(name for name in AnswerQuality.model_fields if name != "contradictions")
STRATEGY = StrategyRecord(ratios=(0.25, 0.5), importance="magnitude", round_to=1, ranking=Ranking.JOINT)


def run_started(
    run_id: str = "r1",
    *,
    proposer: str = "rules",
    llm: str | None = None,
    seed: int = 0,
    epochs: int = 3,
    register: str | None = None,
) -> RunStarted:
    config: dict[str, object] = {
        "model": "tiny",
        "recipe": {"epochs": epochs, "lr": 0.1},
        "widths": [4, 8],
        "seed": seed,
        "trials": 3,
    }
    config["register_model"] = register
    return RunStarted(
        run_id=run_id,
        model="tiny",
        dataset="digits",
        proposer=proposer,
        llm=llm,
        seed=seed,
        started_at=START,
        config=config,
    )


DATA = DataRecord(
    input_size=(1, 8, 8),
    classes=10,
    preprocessing="as it is",
    train=SplitRecord(images=1000, fingerprint="1" * 64),
    holdout=SplitRecord(images=200, fingerprint="2" * 64),
    test=SplitRecord(images=1000, fingerprint="3" * 64),
)


def preparation(target_macs: int = 1000) -> tuple[Payload, ...]:
    groups = (GroupShape(name="conv1", units=16, set=0), GroupShape(name="layer1.conv1", units=32, set=1))
    return (
        BaseReady(macs=10_000, params=500, holdout_accuracy=0.975, checkpoint="base", cached=True, data=DATA),
        PlanReady(
            counter="fvcore",
            groups=groups,
            sets=2,
            floor_macs=100,
            baseline_macs=10_000,
            target_macs=target_macs,
            band=(target_macs * 95 // 100, target_macs * 101 // 100),
        ),
    )


def proposed(trial: int, *, in_band: bool = True, macs: int = 998) -> Proposed:
    return Proposed(
        trial=trial,
        proposer="rules",
        strategy=STRATEGY,
        requested_macs=1000 if in_band else 2000,
        in_band=in_band,
        allocation=(4, 16),
        macs=macs,
        params=50,
        rationale="keep what is early",
    )


def trial_started(trial: int) -> TrialStarted:
    return TrialStarted(trial=trial, actor="actor-0", pid=4711, started=START + timedelta(seconds=trial))


def trial_ended(
    trial: int, state: TrialState = TrialState.COMPLETED, accuracy: float | None = 0.9, error: str | None = None
) -> TrialEnded:
    return TrialEnded(
        trial=trial,
        state=state,
        accuracy=accuracy,
        rungs=2,
        wall_s=1.5,
        actor="actor-0",
        started=START + timedelta(seconds=trial),
        ended=START + timedelta(seconds=trial + 1.5),
        served=trial + 1,
        error=error,
        compute_s=1.25,
    )


def llm_asked(call: int = 0, *, trip: int = 0) -> LlmAsked:
    return LlmAsked(call=call, trip=trip, fingerprint="print", most_tokens=5000, most_usd=0.05)


def llm_call(call: int = 0, *, cost_usd: float | None = 0.01, text: str | None = "{}") -> LlmCall:
    return LlmCall(
        call=call,
        model="scripted",
        request={"messages": ["propose"]},
        text=text,
        outcome=CallOutcome.ANSWERED,
        usage=UsageRecord(input_tokens=100, output_tokens=20),
        latency_s=0.5,
        cost_usd=cost_usd,
        attempts=2,
        stop_reason="end",
        trail=(
            {"result": "overloaded", "mode": "native", "detail": "later", "latency_s": 0.1, "slept_s": 0.2},
            {"result": "answered", "mode": "native", "text": "{}", "latency_s": 0.2, "slept_s": 0.0},
        ),
        quality=AnswerQuality.model_validate(dict.fromkeys(QUALITY, 1)),
    )


def trials() -> tuple[Payload, ...]:
    return (
        proposed(0),
        proposed(1, in_band=False),
        proposed(2),
        trial_started(0),
        trial_started(1),
        Rung(trial=0, rung=0, epochs=1, accuracy=0.5, loss=1.0),
        Rung(trial=1, rung=0, epochs=1, accuracy=0.3, loss=float("nan")),
        Rung(trial=0, rung=1, epochs=3, accuracy=0.9, loss=0.5),
        trial_ended(0),
        trial_ended(1, TrialState.STOPPED_EARLY, 0.3),
        trial_started(2),
        trial_ended(2, TrialState.FAILED, None, "out of memory"),
    )


def ending(*, accuracy: float = 0.95, wall_s: float = 12.5) -> tuple[Payload, ...]:
    correct = round(accuracy * 1000)
    return (
        Decision(decision=DecisionKind.STOP, reason="all trials are in"),
        Winner(trial=0, strategy=STRATEGY, allocation=(4, 16), macs=998, params=50, proxy_accuracy=0.9),
        FinetuneStarted(workers=2, recipe={"lr": 0.05}),
        FinetuneEpoch(
            epoch=1, train_loss=0.4, holdout_accuracy=0.93, lr=0.05, wall_s=1.0, holdout_loss=0.3, images_per_s=500
        ),
        FinetuneEpoch(
            epoch=2, train_loss=0.2, holdout_accuracy=0.96, lr=0.0, wall_s=2.0, holdout_loss=0.2, images_per_s=600
        ),
        FinetuneEnded(wall_s=2.0, epochs=2, holdout_accuracy=0.96, checkpoint="tuned"),
        evaluated(Subject.BASE, 980),
        evaluated(Subject.WINNER, correct),
        Exported(path="model", macs=998, params=50),
        RunEnded(status=RunStatus.FINISHED, error=None, wall_s=wall_s),
    )


def evaluated(subject: Subject, correct: int) -> Evaluated:
    return Evaluated(
        subject=subject,
        split=SplitName.TEST,
        accuracy=correct / 1000,
        loss=0.1,
        correct=correct,
        total=1000,
        latency_ms=Latency(median=1.5, p95=2.0),
    )


def whole_run(run_id: str = "r1", **start: object) -> tuple[Payload, ...]:
    """Return the payloads of a finished run, from its start to its end."""
    return (run_started(run_id, **start), *preparation(), llm_asked(), llm_call(), *trials(), *ending())  # type: ignore[arg-type]


def numbered(payloads: Iterable[Payload]) -> tuple[Event, ...]:
    """Return payloads as events, one millisecond apart."""
    return tuple(
        Event(seq, START + timedelta(milliseconds=seq), payload) for seq, payload in enumerate(payloads, start=1)
    )


def written_run(root: Path, *, run_id: str | None = None, **start: object) -> RunDir:
    """Write the folder of a run with its ledger, summary and report."""
    run = RunDirs(root).create("tiny", "rules", "s0")
    with Ledger.create(run.ledger) as ledger:
        for payload in whole_run(run_id or run.run_id, **start):
            ledger.record(payload)
    run.summary.write_text("{}")
    run.report.write_text("<html></html>")
    return run


def on_holdout(payloads: tuple[Payload, ...]) -> tuple[Payload, ...]:
    """The same run with a fine-tune that trained on the holdout, too; it has the same scores on those images."""
    return tuple(_on_holdout(payload) for payload in payloads)


def _on_holdout(payload: Payload) -> Payload:
    match payload:
        case FinetuneStarted():
            return payload.model_copy(update={"recipe": {**payload.recipe, "epochs": 2, "train_on_holdout": True}})
        case FinetuneEpoch() | FinetuneEnded():
            without = dict.fromkeys(type(payload).model_fields.keys() & {"holdout_accuracy", "holdout_loss"})
            return payload.model_copy(update={**without, "trained_holdout_accuracy": payload.holdout_accuracy})
        case _:
            return payload
