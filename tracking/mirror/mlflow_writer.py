"""Executes operations in MLflow; the live mirror and the later sync both use this writer."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeVar

from ground.files import file_hash
from tracking.errors import EmptyLedgerError
from tracking.events import Event
from tracking.locks import ExclusiveLock
from tracking.mirror.mlflow_store import Store, connect, open_experiment, unreachable
from tracking.mirror.mlflow_traces import write_trace
from tracking.mirror.operations import RUN, Attach, Begin, Finish, Log, Operation, Point, Trace
from tracking.mirror.translation import Translation
from tracking.payloads import RunStarted
from tracking.runs import RunDir
from tracking.tracker import STATE_FILE

_log = logging.getLogger(__name__)

RUN_ID_TAG = "espalier.run_id"
PART_TAG = "espalier.part"
TRIAL_TAG = "espalier.trial"
_SYNCED_TAG = "espalier.synced_seq"
_FILES_TAG = "espalier.files"
_SHOWN_SUFFIXES = frozenset({".json", ".jsonl", ".html", ".png", ".svg", ".csv", ".tex", ".md", ".yaml"})
_EVENTS_AT_ONCE = 200
# MLflow's own limits on one log_batch: 1,000 metrics, 100 parameters, 100 tags, 1,000 of all together.
_METRICS_AT_ONCE, _PAIRS_AT_ONCE = 800, 100


class MlflowWriter:
    """Writes one run to one experiment.

    Every method may raise `MlflowUnreachableError`, and can then be called again. The MLflow runs of a run are found by
    their tags, never from memory alone, and every operation is idempotent. A new writer therefore completes what an
    interrupted one has left.
    """

    def __init__(self, store: Store, experiment: str, run_id: str) -> None:
        """Open the experiment, and find what MLflow already contains of the run.

        Args:
            store: The open store.
            experiment: The name of the experiment; it is created if it does not exist.
            run_id: The id of the run.

        Raises:
            MlflowUnreachableError: The store does not answer, or the experiment was deleted.
        """
        self._store = store
        self._run_id = run_id
        self.experiment_id = open_experiment(store, experiment)
        self._translation = Translation()
        self._translated = 0
        self._waiting: list[tuple[int, tuple[Operation, ...]]] = []
        self._parts: dict[str, str] = {}
        self.synced_seq = 0
        with unreachable(store.uri):
            self._find_parts()

    @property
    def mlflow_run_id(self) -> str | None:
        """MLflow's id of the parent run; None before the first event is written."""
        return self._parts.get(RUN)

    def apply(self, events: Sequence[Event]) -> None:
        """Write the events that MLflow lacks.

        Args:
            events: All events of the run so far. Those that MLflow already contains only restore the state of the
                translation.
        """
        for event in events:
            if event.seq <= self._translated:
                continue
            operations = self._translation.translate(event)
            self._translated = event.seq
            if event.seq > self.synced_seq:
                self._waiting.append((event.seq, operations))
        if self._waiting:
            self._store.check_free()
        with unreachable(self._store.uri):
            while self._waiting:
                self._carry_out(self._waiting[:_EVENTS_AT_ONCE])
                del self._waiting[:_EVENTS_AT_ONCE]

    def upload(self, folder: Path) -> None:
        """Upload the small files of the run's folder that are new or have changed since the last upload."""
        if self.mlflow_run_id is None:
            return
        with unreachable(self._store.uri):
            client, run = self._store.client, self.mlflow_run_id
            known = json.loads(client.get_run(run).data.tags.get(_FILES_TAG, "{}"))
            now = {path.name: file_hash(path)[:16] for path in _shown_files(folder)}
            for name in now.keys() - {name for name, digest in now.items() if known.get(name) == digest}:
                client.log_artifact(run, str(folder / name))
            if now != known:
                client.set_tag(run, _FILES_TAG, json.dumps(now, sort_keys=True))

    def _find_parts(self) -> None:
        query = f"tags.`{RUN_ID_TAG}` = '{self._run_id}'"
        for run in all_runs(self._store, [self.experiment_id], query):
            part = run.data.tags.get(PART_TAG)
            if part is not None:
                self._parts[part] = run.info.run_id
            if part == RUN:
                self.synced_seq = int(run.data.tags.get(_SYNCED_TAG, "0"))

    def _carry_out(self, batch: Sequence[tuple[int, tuple[Operation, ...]]]) -> None:
        pending: dict[str, _Pending] = {}
        for _, operations in batch:
            for operation in operations:
                self._execute(operation, pending)
        for part, parts_pending in pending.items():
            self._send(part, parts_pending)
        last = batch[-1][0]
        # Set this tag last, when everything before it has been written.
        self._store.client.set_tag(self._parts[RUN], _SYNCED_TAG, str(last))
        self.synced_seq = last

    def _execute(self, operation: Operation, pending: dict[str, "_Pending"]) -> None:
        client = self._store.client
        match operation:
            case Begin():
                self._begin(operation)
            case Log(part) | Finish(part) if part not in self._parts:
                # Every part begins before anything is logged to it, so a user has deleted it from MLflow on purpose.
                _log.info("%s of %s is no longer in MLflow and is skipped", part, self._run_id)
            case Log(part, points, params, tags):
                pending.setdefault(part, _Pending()).add(points, params, tags)
            case Finish(part, status, time_ms):
                self._send(part, pending.pop(part, _Pending()))
                client.set_terminated(self._parts[part], status=status.value, end_time=time_ms)
            case Attach(path, document):
                client.log_dict(self._parts[RUN], dict(document), path)
            case Trace():
                write_trace(self._store, self.experiment_id, self._parts[RUN], operation)

    def _begin(self, begin: Begin) -> None:
        client, known = self._store.client, self._parts.get(begin.part)
        if known is not None:
            client.update_run(known, status="RUNNING")
            for key, value in begin.tags.items():
                client.set_tag(known, key, value)
            return
        tags = {RUN_ID_TAG: self._run_id, PART_TAG: begin.part, **begin.tags}
        if begin.part.startswith("trial:"):
            tags[TRIAL_TAG] = begin.part.removeprefix("trial:")
        if begin.part != RUN:
            tags["mlflow.parentRunId"] = self._parts[RUN]
        run = client.create_run(self.experiment_id, start_time=begin.time_ms, tags=tags, run_name=begin.name)
        self._parts[begin.part] = run.info.run_id

    def _send(self, part: str, pending: "_Pending") -> None:
        from mlflow.entities import Metric, Param, RunTag

        points = _chunks([Metric(p.key, p.value, p.time_ms, p.step) for p in pending.points], _METRICS_AT_ONCE)
        params = _chunks([Param(key, value) for key, value in pending.params.items()], _PAIRS_AT_ONCE)
        tags = _chunks([RunTag(key, value) for key, value in pending.tags.items()], _PAIRS_AT_ONCE)
        for some_points, some_params, some_tags in zip_longest(points, params, tags, fillvalue=()):
            self._store.client.log_batch(self._parts[part], some_points, some_params, some_tags)


@dataclass(slots=True)
class _Pending:
    """What is still to be logged to one part, collected so that it needs few calls."""

    points: list[Point] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def add(self, points: Sequence[Point], params: Mapping[str, str], tags: Mapping[str, str]) -> None:
        self.points.extend(points)
        self.params.update(params)
        self.tags.update(tags)


def all_runs(store: Store, experiment_ids: Sequence[str], query: str) -> Iterator[Any]:
    """Yield every MLflow run that matches a query, oldest first.

    Args:
        store: The open store.
        experiment_ids: MLflow's ids of the experiments to search.
        query: A filter in the syntax of MLflow.
    """
    token: str | None = None
    while True:
        page = store.client.search_runs(
            list(experiment_ids), query, max_results=1000, order_by=["attributes.start_time ASC"], page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def open_writer(events: Sequence[Event], uri: str, experiment: str) -> MlflowWriter:
    """Open a writer for the run that these events belong to.

    Args:
        events: The events of the run, at least one.
        uri: The address of the MLflow store.
        experiment: The name of the experiment.

    Raises:
        MlflowUnreachableError: The store does not answer.
        TrackingUriError: The address is not supported.
        EmptyLedgerError: The first event is not `run_started`.
    """
    first = events[0].payload
    if not isinstance(first, RunStarted):
        raise EmptyLedgerError("the ledger")
    return MlflowWriter(connect(uri, create=True), experiment, first.run_id)


def mirror_lock(run: RunDir) -> ExclusiveLock:
    """Acquire the lock that every writer of this run to MLflow must hold.

    Raises:
        LockedError: Another writer holds it.
    """
    return ExclusiveLock(run.path / "mlflow.lock", guards=run.path / STATE_FILE)


_T = TypeVar("_T")


def _chunks(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _shown_files(folder: Path) -> Iterator[Path]:
    """Yield reports, tables and plots, but not the model, hidden files, or the tracker's own state."""
    for path in sorted(folder.iterdir()):
        if path.suffix in _SHOWN_SUFFIXES and path.is_file() and path.name != STATE_FILE and path.name[0] != ".":
            yield path
