"""Reads runs back from MLflow as records; `tracking.reader` reads a ledger file instead."""

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ground.names import near_misses
from tracking.errors import UnknownExperimentError, UnknownRunError
from tracking.kinds import RunStatus, TrialState
from tracking.made_with import lines_of_text
from tracking.mirror.mlflow_store import Store, all_runs, connect, unreachable
from tracking.mirror.mlflow_writer import PART_TAG, RUN_ID_TAG, TRIAL_TAG
from tracking.mirror.operations import MADE_WITH, RUN
from tracking.mirror.records import RunRecord, StudyRecord, TrialRecord
from tracking.mirror.study_translation import QUESTION_TAG, STUDY_TAG
from tracking.mirror.translation import FACTS, RECIPE

_log = logging.getLogger(__name__)


def read_runs(
    tracking_uri: str, *, experiments: Sequence[str] = (), run_ids: Sequence[str] = ()
) -> tuple[RunRecord, ...]:
    """Read the runs of Espalier from MLflow, oldest first. Other runs are ignored.

    Args:
        tracking_uri: The address of the MLflow store.
        experiments: Names of the experiments to read; all if empty.
        run_ids: The runs to read, by the id of their folder or by MLflow's id; all if empty.

    Raises:
        MlflowUnreachableError: MLflow does not answer.
        TrackingUriError: The address is not supported.
        UnknownExperimentError: An experiment does not exist.
        UnknownRunError: A run does not exist in these experiments.
    """
    store = connect(tracking_uri, create=False)
    with unreachable(store.uri):
        names = _experiments(store, experiments)
        found = list(all_runs(store, list(names), f"tags.`{RUN_ID_TAG}` != ''")) if names else []
    parents = [run for run in found if _is_search(run) and _is_known(run)]
    chosen = _chosen(parents, run_ids, store.shown_uri)
    trials = _trials(found)
    return tuple(_run_record(run, names[run.info.experiment_id], trials.get(run.info.run_id, ())) for run in chosen)


def read_studies(tracking_uri: str, *, experiments: Sequence[str] = ()) -> tuple[StudyRecord, ...]:
    """Read the studies of Espalier from MLflow, oldest first.

    Args:
        tracking_uri: The address of the MLflow store.
        experiments: Names of the experiments to read; all if empty.

    Raises:
        MlflowUnreachableError: MLflow does not answer.
        TrackingUriError: The address is not supported.
        UnknownExperimentError: An experiment does not exist.
    """
    store = connect(tracking_uri, create=False)
    with unreachable(store.uri):
        names = _experiments(store, experiments)
        found = list(all_runs(store, list(names), f"tags.`{STUDY_TAG}` != ''")) if names else []
    return tuple(_study_record(run, names[run.info.experiment_id]) for run in found if RUN_ID_TAG in run.data.tags)


def _study_record(run: Any, experiment: str) -> StudyRecord:
    tags, figures = run.data.tags, _Figures(run.data.metrics)
    return StudyRecord(
        run_id=tags[RUN_ID_TAG],
        mlflow_run_id=run.info.run_id,
        experiment=experiment,
        study=tags[STUDY_TAG],
        question=tags.get(QUESTION_TAG),
        status=_status(run),
        started_ms=run.info.start_time,
        measured=figures.whole("conditions_measured"),
        failed=figures.whole("conditions_failed"),
    )


def _is_search(run: Any) -> bool:
    return run.data.tags.get(PART_TAG) == RUN and STUDY_TAG not in run.data.tags


def _is_known(run: Any) -> bool:
    """Whether MLflow holds what identifies a run. A store that refuses tags may still hold it as parameters."""
    lacking = [name for name in _IDENTITY if _identity(run, name) is None]
    if lacking:
        _log.warning("Run %s in MLflow lacks %s and is left out; run `sync`", run.info.run_id, ", ".join(lacking))
    return not lacking


_IDENTITY = ("model", "dataset", "proposer", "seed")


def _identity(run: Any, name: str) -> str | None:
    value = run.data.tags.get(f"espalier.{name}", run.data.params.get(name))
    return None if value is None else str(value)


def _experiments(store: Store, asked: Sequence[str]) -> Mapping[str, str]:
    """Return the names of the requested experiments by id."""
    known = {experiment.name: experiment.experiment_id for experiment in store.client.search_experiments()}
    for name in asked:
        if name not in known:
            near = near_misses(name, known, likeness=0.4) or sorted(known)[:5]
            raise UnknownExperimentError(name, store.shown_uri, ", ".join(near))
    return {known[name]: name for name in (asked or known)}


def _chosen(parents: list[Any], asked: Sequence[str], uri: str) -> list[Any]:
    if not asked:
        return parents
    names = {run.data.tags[RUN_ID_TAG] for run in parents}
    known = names | {run.info.run_id for run in parents}
    for name in asked:
        if name not in known:
            near = ", ".join(near_misses(name, names, likeness=0.4))
            raise UnknownRunError(name, uri, f"did you mean {near}?" if near else f"it contains {len(parents)} runs")
    return [run for run in parents if run.data.tags[RUN_ID_TAG] in asked or run.info.run_id in asked]


def _trials(found: Iterable[Any]) -> Mapping[str, tuple[TrialRecord, ...]]:
    """Return the trials by MLflow's id of their parent, in the order of their numbers."""
    records: dict[str, list[TrialRecord]] = {}
    for run in found:
        if TRIAL_TAG in run.data.tags:
            records.setdefault(run.data.tags.get("mlflow.parentRunId", ""), []).append(_trial_record(run))
    return {parent: tuple(sorted(trials, key=lambda trial: trial.trial)) for parent, trials in records.items()}


def _trial_record(run: Any) -> TrialRecord:
    tags, figures = run.data.tags, _Figures(run.data.metrics)
    in_band = figures.whole("in_band")
    return TrialRecord(
        trial=int(tags[TRIAL_TAG]),
        mlflow_run_id=run.info.run_id,
        proposer=tags.get("espalier.proposer"),
        state=TrialState(tags["espalier.state"]) if "espalier.state" in tags else None,
        macs=figures.whole("macs"),
        params=figures.whole("params"),
        requested_macs=figures.whole("requested_macs"),
        in_band=None if in_band is None else bool(in_band),
        proxy_accuracy=figures.real("proxy_accuracy"),
        wall_s=figures.real("wall_s"),
        error=tags.get("espalier.error"),
        started_ms=run.info.start_time,
        ended_ms=run.info.end_time,
    )


def _run_record(run: Any, experiment: str, trials: tuple[TrialRecord, ...]) -> RunRecord:
    tags, figures = run.data.tags, _Figures({**_facts(run.data.params), **run.data.metrics})
    low, high = figures.whole("band_low_macs"), figures.whole("band_high_macs")
    llm = tags.get("espalier.llm")
    return RunRecord(
        run_id=tags[RUN_ID_TAG],
        mlflow_run_id=run.info.run_id,
        experiment=experiment,
        model=str(_identity(run, "model")),
        dataset=str(_identity(run, "dataset")),
        proposer=str(_identity(run, "proposer")),
        llm=llm,
        seed=int(str(_identity(run, "seed"))),
        status=_status(run),
        started_ms=run.info.start_time,
        counter=tags.get("espalier.counter"),
        target_macs=figures.whole("target", "target_macs"),
        band_macs=None if low is None or high is None else (low, high),
        baseline_macs=figures.whole("baseline_macs"),
        baseline_params=figures.whole("baseline_params"),
        baseline_accuracy=figures.real("baseline_test_accuracy"),
        winner_macs=figures.whole("macs", "winner_macs"),
        winner_params=figures.whole("params", "winner_params"),
        proxy_accuracy=figures.real("winner_proxy_accuracy"),
        accuracy=figures.real("accuracy", "winner_test_accuracy"),
        latency_ms=figures.real("latency_median_ms", "winner_latency_median_ms"),
        trials_proposed=figures.whole("trials_proposed"),
        trials_completed=figures.whole("trials_completed"),
        trials_stopped_early=figures.whole("trials_stopped_early"),
        trials_failed=figures.whole("trials_failed"),
        revisions=figures.whole("revisions"),
        wall_s=figures.real("wall_s"),
        llm_calls=figures.whole("llm_calls"),
        llm_invalid_answers=figures.whole("llm_invalid_answers"),
        input_tokens=figures.whole("llm_input_tokens", unless="llm_calls_without_usage"),
        output_tokens=figures.whole("llm_output_tokens", unless="llm_calls_without_usage"),
        # What asks nobody costs nothing, which is no measurement.
        cost_usd=None if llm is None else figures.real("cost_usd", "llm_cost_usd", unless="llm_calls_without_cost"),
        **{name: figures.whole(name) for name in _QUALITIES},
        made_with=lines_of_text(tags[MADE_WITH]) if MADE_WITH in tags else None,
        config=_config(run.data.params),
        trials=trials,
    )


_QUALITIES = (
    *("llm_answers", "llm_valid", "llm_parse_errors", "llm_schema_errors", "llm_out_of_range"),
    *("llm_strategies", "llm_repeated", "llm_incoherent"),
)


def _status(run: Any) -> RunStatus | None:
    """Return how a run ended; a resumed one keeps the tag of its former end until it ends again."""
    said = run.data.tags.get("espalier.status")
    return None if said is None or run.info.status == "RUNNING" else RunStatus(said)


def _config(params: Mapping[str, str]) -> dict[str, str]:
    """The configuration among the parameters; earlier versions wrote what was not set as `null`."""
    return {
        name: value
        for name, value in params.items()
        if name not in FACTS and not name.startswith(RECIPE) and value != "null"
    }


def _facts(params: Mapping[str, str]) -> dict[str, float]:
    """The facts among the parameters; earlier versions wrote them as metrics."""
    return {name: float(params[name]) for name in FACTS & params.keys()}


class _Figures:
    """The figures of a run; one that is absent or NaN is None."""

    def __init__(self, figures: Mapping[str, float]) -> None:
        self._figures = figures

    def real(self, name: str, former: str = "", *, unless: str = "") -> float | None:
        """Return a figure, under its name or its former one.

        It is None also if `unless` names a nonzero count of what this sum lacks.
        """
        value = self._figures.get(name, self._figures.get(former, math.nan))
        return None if math.isnan(value) or self._figures.get(unless, 0.0) > 0 else float(value)

    def whole(self, name: str, former: str = "", *, unless: str = "") -> int | None:
        value = self.real(name, former, unless=unless)
        return None if value is None else round(value)
