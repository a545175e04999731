"""A training or an evaluation that is no search, as one MLflow run: its figures, its data and its model.

There is no ledger of one. What MLflow shows follows from the folder of the training, or from the evaluation itself, and
its key; so writing it again changes nothing.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tracking.making import Making
from tracking.mirror.mlflow_datasets import dataset_input
from tracking.mirror.mlflow_models import WEIGHTS_TAG, ModelWriter, weights_of
from tracking.mirror.mlflow_store import Store, all_runs, connect, open_experiment, unreachable
from tracking.mirror.mlflow_writer import RUN_ID_TAG
from tracking.mirror.models import Checkpoint, Score
from tracking.mirror.operations import Dataset, Point

_METRICS_AT_ONCE = 500
_JOB_TAG = "espalier.job"


@dataclass(frozen=True, slots=True)
class Job:
    """What is written.

    Attributes:
        key: Two jobs with the same key are the same one.
        verb: What was done: `finetune` or `evaluate`.
        name: Of the MLflow run.
        started_ms: Milliseconds since the Unix epoch.
        ended_ms: Milliseconds since the Unix epoch.
        params: What it was done with.
        points: Its curves, or its scores.
        inputs: The data.
        made: The model that it made; None where it made none.
        read: The checkpoint that it scored: its figures are linked to the model of the same weights, if MLflow has it.
        scores: What was measured of that.
    """

    key: str
    verb: str
    name: str
    started_ms: int
    ended_ms: int
    params: Mapping[str, str]
    points: tuple[Point, ...]
    inputs: tuple[Dataset, ...]
    made: tuple[Checkpoint, Path] | None = None
    read: Path | None = None
    scores: tuple[Score, ...] = field(default=())


def write_job(job: Job, uri: str, experiment: str, making: Making) -> str:
    """Write a job, and return MLflow's id of its run.

    Raises:
        MlflowUnreachableError: MLflow does not answer, or refuses something.
        TrackingUriError: The address is not supported.
    """
    store = connect(uri, create=True)
    experiment_id = open_experiment(store, experiment)
    with unreachable(store.uri):
        store.check_free()
        run_id, is_written = _run_of(store, experiment_id, job)
        if not is_written:
            _log(store, run_id, job)
        if job.made is not None:
            checkpoint, folder = job.made
            ModelWriter(store, experiment_id, job.key, making).put(checkpoint, folder, run_id)
        if job.read is not None:
            _link(store, experiment_id, run_id, job, job.read)
        store.client.set_terminated(run_id, status="FINISHED", end_time=job.ended_ms)
        return run_id


def _run_of(store: Store, experiment_id: str, job: Job) -> tuple[str, bool]:
    """MLflow's id of the run of a job, and whether its figures are there: they are written before the run ends."""
    query = f"tags.`{RUN_ID_TAG}` = '{job.key}'"
    known = next(all_runs(store, [experiment_id], query), None)
    if known is not None:
        return str(known.info.run_id), known.info.status == "FINISHED"
    tags = {RUN_ID_TAG: job.key, _JOB_TAG: job.verb}
    made = store.client.create_run(experiment_id, start_time=job.started_ms, tags=tags, run_name=job.name)
    return str(made.info.run_id), False


def _log(store: Store, run_id: str, job: Job) -> None:
    from mlflow.entities import Metric, Param

    params = [Param(key, value) for key, value in job.params.items()]
    metrics = [Metric(point.key, point.value, point.time_ms, point.step) for point in job.points]
    store.client.log_batch(run_id, params=params)
    for first in range(0, len(metrics), _METRICS_AT_ONCE):
        store.client.log_batch(run_id, metrics[first : first + _METRICS_AT_ONCE])
    store.client.log_inputs(run_id, [dataset_input(dataset) for dataset in job.inputs])


def _link(store: Store, experiment_id: str, run_id: str, job: Job, checkpoint: Path) -> None:
    """Link the scores to the model of the same weights, and the model to the run; there may be none."""
    from mlflow.entities import LoggedModelInput, Metric

    query = f"tags.`{WEIGHTS_TAG}` = '{weights_of(checkpoint)}'"
    found = list(store.client.search_logged_models([experiment_id], query))
    if not found:
        return
    model: Any = found[0]
    run = store.client.get_run(run_id)
    if model.model_id not in {known.model_id for known in (run.inputs.model_inputs if run.inputs else [])}:
        store.client.log_inputs(run_id, models=[LoggedModelInput(model.model_id)])
    known_scores = {(metric.key, metric.value, metric.run_id) for metric in model.metrics or ()}
    metrics = []
    for score in job.scores:
        name, digest = score.dataset or (None, None)
        if (score.key, score.value, run_id) not in known_scores:
            ids = {"model_id": model.model_id, "run_id": run_id, "dataset_name": name, "dataset_digest": digest}
            metrics.append(Metric(score.key, score.value, score.time_ms, 0, **ids))
    if metrics:
        store.client.log_batch(run_id, metrics)


def key_of(verb: str, *parts: object) -> str:
    """The key of a job, from what it depends on."""
    return f"{verb}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:24]}"
