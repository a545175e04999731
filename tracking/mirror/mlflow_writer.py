"""Executes operations in MLflow; the live mirror and the later sync both use this writer."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from ground.files import file_hash
from tracking.errors import EmptyLedgerError
from tracking.events import Event
from tracking.locks import ExclusiveLock
from tracking.making import Making
from tracking.mirror.attempts import Attempts
from tracking.mirror.batches import Batches, Pending
from tracking.mirror.gaps import Kind
from tracking.mirror.mlflow_datasets import dataset_input
from tracking.mirror.mlflow_models import ModelWriter
from tracking.mirror.mlflow_prompts import PromptWriter, linked
from tracking.mirror.mlflow_store import Store, all_runs, connect, open_experiment, summarise, unreachable
from tracking.mirror.mlflow_traces import write_trace
from tracking.mirror.models import checkpoints
from tracking.mirror.operations import RUN, Attach, Begin, Dataset, Finish, Log, Operation, Trace
from tracking.mirror.translation import Translation
from tracking.payloads import RunStarted
from tracking.runs import RunDir
from tracking.study_payloads import StudyStarted
from tracking.tracker import STATE_FILE

_log = logging.getLogger(__name__)

RUN_ID_TAG = "espalier.run_id"
PART_TAG = "espalier.part"
TRIAL_TAG = "espalier.trial"
_SYNCED_TAG = "espalier.synced_seq"
_MISSING_TAG = "espalier.missing"
_FILES_TAG = "espalier.files"
_SHOWN_SUFFIXES = frozenset({".json", ".jsonl", ".html", ".png", ".svg", ".csv", ".tex", ".md", ".yaml"})
_EVENTS_AT_ONCE = 200
_PROMPTS_TAG = "mlflow.linkedPrompts"


class MlflowWriter:
    """Writes one run to one experiment.

    Every method may raise `MlflowUnreachableError`, and can then be called again. The MLflow runs of a run are found by
    their tags, never from memory alone, and every operation is idempotent. A new writer therefore completes what an
    interrupted one has left.

    What a store that answers refuses (metrics, artifacts, traces and so on) blocks nothing else: it is a gap, recorded
    at the parent run, and a new writer tries to fill it.
    """

    def __init__(self, store: Store, experiment: str, run_id: str, making: Making | None = None) -> None:
        """Open the experiment, and find what MLflow already contains of the run.

        Args:
            store: The open store.
            experiment: The name of the experiment; it is created if it does not exist.
            run_id: The id of the run.
            making: Makes descriptions and models; without it there are none.

        Raises:
            MlflowUnreachableError: The store does not answer, or the experiment was deleted.
        """
        self._store = store
        self._run_id = run_id
        self.experiment_id = open_experiment(store, experiment)
        self._making = making
        self._translation = Translation(None if making is None else making.describe)
        self._events: Sequence[Event] = ()
        self._prompts = PromptWriter(store.client, self.experiment_id)
        self._linked: dict[tuple[str, int], None] = {}
        self._translated = 0
        self._waiting: list[tuple[int, tuple[Operation, ...]]] = []
        self._parts: dict[str, str] = {}
        self._refused_parts: dict[str, str] = {}
        self._attempts = Attempts(store, self.experiment_id)
        self._gaps = self._attempts.gaps
        self._batches = Batches(store, self._attempts, self._parts)
        self._marked: Mapping[str, int] = {}
        self.synced_seq = 0
        with unreachable(store.uri):
            self._find_parts()
        # The first event of which an operation is still to be executed, by kind.
        self._first = {
            kind: min(self._marked.get(kind.value, self.synced_seq + 1), self.synced_seq + 1) for kind in Kind
        }

    @property
    def mlflow_run_id(self) -> str | None:
        """MLflow's id of the parent run; None before the first event is written."""
        return self._parts.get(RUN)

    @property
    def missing(self) -> Mapping[str, str]:
        """What MLflow refused, by kind, and why."""
        return self._gaps.reasons

    def apply(self, events: Sequence[Event]) -> None:
        """Write the events that MLflow lacks, and fill the gaps that an earlier writer left.

        Args:
            events: All events of the run so far. Those that MLflow already contains only restore the state of the
                translation.
        """
        self._events = events
        first = min(self._first.values())
        for event in events:
            if event.seq <= self._translated:
                continue
            operations = self._translation.translate(event)
            self._translated = event.seq
            if event.seq >= first:
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
            held = {name: digest for name, digest in now.items() if known.get(name) == digest}
            for name in now.keys() - held.keys():
                send = partial(client.log_artifact, run, str(folder / name))
                if self._attempts.attempt(Kind.ARTIFACTS, self.synced_seq, name, send):
                    held[name] = now[name]
            if held != known:
                mark = partial(client.set_tag, run, _FILES_TAG, json.dumps(held, sort_keys=True))
                self._attempts.attempt(Kind.TAGS, self.synced_seq, f"tag {_FILES_TAG}", mark)
            self._put_models(folder, run)

    def _put_models(self, folder: Path, run: str) -> None:
        """Write the checkpoints that are in the run's folder as models."""
        if self._making is None:
            return
        writer = ModelWriter(self._store, self.experiment_id, self._run_id, self._making)
        for checkpoint in checkpoints(self._events):
            where = folder / checkpoint.folder
            if where.is_dir():
                put = partial(writer.put, checkpoint, where, run)
                self._attempts.attempt(Kind.MODELS, self.synced_seq, f"model {checkpoint.what}", put)
            else:
                _log.warning("%s is not there any more: MLflow does not get this model of %s", where, self._run_id)

    def _find_parts(self) -> None:
        query = f"tags.`{RUN_ID_TAG}` = '{self._run_id}'"
        for run in all_runs(self._store, [self.experiment_id], query):
            part = run.data.tags.get(PART_TAG)
            if part is not None:
                self._parts[part] = run.info.run_id
            if part == RUN:
                self.synced_seq = int(run.data.tags.get(_SYNCED_TAG, "0"))
                self._marked = json.loads(run.data.tags.get(_MISSING_TAG, "{}"))
                known = json.loads(run.data.tags.get(_PROMPTS_TAG, "[]"))
                self._linked = {(link["name"], int(link["version"])): None for link in known}

    def _carry_out(self, batch: Sequence[tuple[int, tuple[Operation, ...]]]) -> None:
        """Write the runs with what is logged to them first: an upload that fails slowly delays none of it."""
        since, last = batch[0][0], batch[-1][0]
        pending: dict[str, Pending] = {}
        for seq, operations in batch:
            for operation in operations:
                self._execute(operation, seq, since, pending)
        for part, parts_pending in pending.items():
            self._batches.send(part, since, parts_pending)
        self._log_datasets([(seq, op) for seq, operations in batch for op in operations if isinstance(op, Dataset)])
        for seq, operation in _latest((seq, operation) for seq, operations in batch for operation in operations):
            self._store_document(operation, seq)
        self._mark(last)

    def _mark(self, last: int) -> None:
        """Record how far MLflow is; last, when everything up to this event has been written or is a known gap."""
        from mlflow.entities import RunTag

        gaps = dict(self._gaps.since)
        if last < self.synced_seq:
            # An earlier writer's gaps are being filled, and are not filled beyond this event yet.
            gaps = dict.fromkeys(self._marked, last + 1) | gaps
            last = self.synced_seq
        tags = {_SYNCED_TAG: str(last)} | ({_MISSING_TAG: json.dumps(gaps)} if gaps != self._marked else {})
        mark = partial(self._batches.log, RUN, tags=[RunTag(key, value) for key, value in tags.items()])
        if self._attempts.attempt(Kind.TAGS, last, f"tag {_SYNCED_TAG}", mark):
            self._marked = gaps
        self.synced_seq = last

    def _execute(self, operation: Operation, seq: int, since: int, pending: dict[str, Pending]) -> None:
        match operation:
            case Begin(part):
                if seq >= self._first[Kind.RUNS]:
                    self._begin(operation, seq)
            case Log(part) | Finish(part) if part in self._refused_parts:
                self._skip(operation, seq, self._refused_parts[part])
            case Log(part) | Finish(part) if part not in self._parts:
                # Every part begins before anything is logged to it, so a user has deleted it from MLflow on purpose.
                _log.info("%s of %s is no longer in MLflow and is skipped", part, self._run_id)
            case Log(part):
                pending.setdefault(part, Pending()).add(operation, {kind for kind in Kind if seq >= self._first[kind]})
            case Finish(part, status, time_ms):
                self._batches.send(part, since, pending.pop(part, Pending()))
                if seq >= self._first[Kind.RUNS]:
                    end = partial(
                        self._store.client.set_terminated, self._parts[part], status=status.value, end_time=time_ms
                    )
                    self._attempts.attempt(Kind.RUNS, seq, f"end of {part}", end)
            case Attach() | Dataset() | Trace():
                pass  # `_log_datasets` and `_store_document`, after everything else

    def _store_document(self, operation: Operation, seq: int) -> None:
        match operation:
            case Attach(path, document) if seq >= self._first[Kind.ARTIFACTS]:
                attach = partial(self._store.client.log_dict, self._parts[RUN], dict(document), path)
                self._attempts.attempt(Kind.ARTIFACTS, seq, path, attach)
            case Trace(key) if seq >= self._first[Kind.TRACES]:
                self._attempts.attempt(Kind.TRACES, seq, key, partial(self._write_trace, operation))

    def _write_trace(self, trace: Trace) -> None:
        """Write a trace, linked to the version of its prompt, to which its run is linked, too."""
        prompt = None
        if trace.prompt is not None:
            version = (trace.prompt.name, self._prompts.version_of(trace.prompt))
            prompt = linked([version])
            if version not in self._linked:
                self._linked[version] = None
                self._store.client.set_tag(self._parts[RUN], _PROMPTS_TAG, linked(sorted(self._linked)))
        write_trace(self._store, self.experiment_id, self._parts[RUN], trace, prompt)

    def _log_datasets(self, found: Sequence[tuple[int, Dataset]]) -> None:
        """Name the datasets of each part; MLflow knows a name with its digest, and keeps it once."""
        wanted = [(seq, d) for seq, d in found if d.part in self._parts and seq >= self._first[Kind.DATASETS]]
        for part in dict.fromkeys(dataset.part for _, dataset in wanted):
            own = [(seq, dataset) for seq, dataset in wanted if dataset.part == part]
            send = partial(self._send_datasets, part, [dataset for _, dataset in own])
            self._attempts.attempt(Kind.DATASETS, own[0][0], own[0][1].name, send)

    def _send_datasets(self, part: str, datasets: Sequence[Dataset]) -> None:
        self._store.client.log_inputs(self._parts[part], [dataset_input(dataset) for dataset in datasets])

    def _begin(self, begin: Begin, seq: int) -> None:
        client, known = self._store.client, self._parts.get(begin.part)
        if known is not None:
            self._attempts.attempt(
                Kind.RUNS, seq, f"start of {begin.part}", partial(client.update_run, known, status="RUNNING")
            )
            self._batches.send(begin.part, seq, Pending(tags=dict(begin.tags)))
            return
        needed = {RUN_ID_TAG: self._run_id, PART_TAG: begin.part}
        if begin.part.startswith("trial:"):
            needed[TRIAL_TAG] = begin.part.removeprefix("trial:")
        if begin.part != RUN:
            needed["mlflow.parentRunId"] = self._parts[RUN]

        def create(tags: Mapping[str, str]) -> None:
            run = client.create_run(self.experiment_id, start_time=begin.time_ms, tags=tags, run_name=begin.name)
            self._parts[begin.part] = run.info.run_id

        if self._gaps.is_given_up(Kind.RUNS):
            refusal: Exception | None = None
        else:
            refusal = self._attempts.refusal(Kind.RUNS, partial(create, {**needed, **begin.tags}))
            if refusal is not None and begin.tags:  # one of these tags may be what is refused
                refusal = self._attempts.refusal(Kind.RUNS, partial(create, needed))
                if refusal is None:
                    self._batches.send(begin.part, seq, Pending(tags=dict(begin.tags)))
        if begin.part in self._parts:
            self._gaps.accepted(Kind.RUNS)
        elif begin.part == RUN and refusal is not None:
            raise refusal
        else:
            reason = self.missing.get(Kind.RUNS.value) if refusal is None else f"{begin.part}: {summarise(refusal)}"
            self._refused_parts[begin.part] = str(reason)
            self._gaps.refused(Kind.RUNS, seq, str(reason))

    def _skip(self, operation: Log | Finish, seq: int, reason: str) -> None:
        """Record what a part lacks that could not be created."""
        match operation:
            case Log(points=points, params=params, tags=tags):
                kinds = {Kind.METRICS: points, Kind.PARAMS: params, Kind.TAGS: tags}
            case _:
                kinds = {Kind.RUNS: (operation,)}
        for kind, items in kinds.items():
            if items:
                self._gaps.skipped(kind, seq, reason)


def open_writer(events: Sequence[Event], uri: str, experiment: str, making: Making | None = None) -> MlflowWriter:
    """Open a writer for the run that these events belong to.

    Args:
        events: The events of the run, at least one.
        uri: The address of the MLflow store.
        experiment: The name of the experiment.
        making: Makes descriptions and models; without it there are none.

    Raises:
        MlflowUnreachableError: The store does not answer.
        TrackingUriError: The address is not supported.
        EmptyLedgerError: The first event starts neither a run nor a study.
    """
    first = events[0].payload
    if not isinstance(first, RunStarted | StudyStarted):
        raise EmptyLedgerError("the ledger")
    return MlflowWriter(connect(uri, create=True), experiment, first.run_id, making)


def mirror_lock(run: RunDir) -> ExclusiveLock:
    """Acquire the lock that every writer of this run to MLflow must hold.

    Raises:
        LockedError: Another writer holds it.
    """
    return ExclusiveLock(run.path / "mlflow.lock", guards=run.path / STATE_FILE)


def _latest(operations: Iterable[tuple[int, Operation]]) -> Iterator[tuple[int, Operation]]:
    """Leave out the traces that a later operation replaces: each costs a call."""
    known = tuple(operations)
    last = {operation.key: index for index, (_, operation) in enumerate(known) if isinstance(operation, Trace)}
    for index, (seq, operation) in enumerate(known):
        if not isinstance(operation, Trace) or last[operation.key] == index:
            yield seq, operation


def _shown_files(folder: Path) -> Iterator[Path]:
    """Yield reports, tables and plots, but not the model, hidden files, or the tracker's own state."""
    for path in sorted(folder.iterdir()):
        if path.suffix in _SHOWN_SUFFIXES and path.is_file() and path.name != STATE_FILE and path.name[0] != ".":
            yield path
