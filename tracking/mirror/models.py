"""Which checkpoints of a run are models in MLflow, and what is known of each: derived from the events alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracking.events import Event, payloads_of
from tracking.kinds import SplitName, Subject
from tracking.mirror.data_inputs import digest_of
from tracking.mirror.naming import model_name
from tracking.payloads import BaseReady, DataRecord, Evaluated, Exported, FinetuneEnded, RunStarted, Winner
from tracking.phases import since_winner

PRUNED, WINNER = "pruned", "winner"


@dataclass(frozen=True, slots=True)
class Score:
    """A figure of a model.

    Attributes:
        dataset: Name and digest of the data that it was measured on; None if it needs none.
        time_ms: When it was recorded, in milliseconds since the Unix epoch.
    """

    key: str
    value: float
    time_ms: int
    dataset: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint in the folder of a run.

    Attributes:
        what: What it is of the run, such as `winner`.
        folder: Its path in the folder of the run.
        name: Its name in MLflow.
        params: How it came about.
        scores: What was measured of it.
        metadata: What a user of it should know.
        register: The name under which it goes to the registry; None if it does not.
    """

    what: str
    folder: str
    name: str
    params: Mapping[str, str]
    scores: tuple[Score, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    register: str | None = None


def checkpoints(events: Sequence[Event]) -> tuple[Checkpoint, ...]:
    """Return the models of a run, in the order in which they were made: the winner as it was cut, and fine-tuned."""
    started, winners = payloads_of(events, RunStarted), payloads_of(events, Winner)
    if not started or not winners:
        return ()
    named = max(event.seq for event in events if isinstance(event.payload, Winner))
    cut = _cut(started[0], winners[-1], round(events[named - 1].time.timestamp() * 1000))
    if not payloads_of(since_winner(events), Exported):
        return (cut,)
    return (cut, _winner(events, started[0], winners[-1]))


def _cut(started: RunStarted, winner: Winner, time_ms: int) -> Checkpoint:
    """The winner before its fine-tune: nobody has scored it, for the search scores what it has trained."""
    sizes = (Score("macs", winner.macs, time_ms), Score("params", winner.params, time_ms))
    return Checkpoint(
        PRUNED,
        "pruned",
        model_name(started, PRUNED),
        _params(started, winner),
        sizes,
        {"espalier_run": started.run_id, "macs": winner.macs, "params": winner.params, "trained": False},
    )


def _params(started: RunStarted, winner: Winner) -> dict[str, str]:
    return {
        "architecture": started.model,
        "trial": str(winner.trial),
        "importance": winner.strategy.importance,
        "ranking": winner.strategy.ranking.value,
        "seed": str(started.seed),
    }


def _winner(events: Sequence[Event], started: RunStarted, winner: Winner) -> Checkpoint:
    bases = payloads_of(events, BaseReady)
    data = bases[-1].data if bases else None
    return Checkpoint(
        WINNER,
        "model",
        model_name(started, WINNER),
        _params(started, winner),
        tuple(_scores(events, started, data)),
        _metadata(started, winner, data),
        started.config.get("register_model"),
    )


def _scores(events: Sequence[Event], started: RunStarted, data: DataRecord | None) -> list[Score]:
    found: dict[str, Score] = {}
    own = since_winner(events)
    holdout = None if data is None else (started.dataset, digest_of(data.holdout))
    test = None if data is None else (started.dataset, digest_of(data.test))
    for event in own:
        at = round(event.time.timestamp() * 1000)
        match event.payload:
            case Exported(macs=macs, params=params):
                figures: dict[str, tuple[float | None, tuple[str, str] | None]] = {
                    "macs": (macs, None),
                    "params": (params, None),
                }
            case FinetuneEnded(holdout_accuracy=accuracy):
                figures = {"holdout_accuracy": (accuracy, holdout)}
            case Evaluated(subject=Subject.WINNER, split=SplitName.TEST) as scored:
                speed = None if scored.latency_ms is None else scored.latency_ms.median
                figures = {
                    "accuracy": (scored.accuracy, test),
                    "loss": (scored.loss, test),
                    "latency_median_ms": (speed, None),
                }
            case _:
                continue
        found |= {key: Score(key, value, at, where) for key, (value, where) in figures.items() if value is not None}
    return list(found.values())


def _metadata(started: RunStarted, winner: Winner, data: DataRecord | None) -> dict[str, Any]:
    known = {"espalier_run": started.run_id, "macs": winner.macs, "params": winner.params, "dataset": started.dataset}
    return known if data is None else known | {"preprocessing": data.preprocessing}
