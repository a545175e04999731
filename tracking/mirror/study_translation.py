"""Translates the events of a study to operations on MLflow: a parent run, and one child per condition."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from tracking.events import Event
from tracking.kinds import RunStatus
from tracking.made_with import made_with_text, sessions_of
from tracking.mirror.operations import (
    MADE_WITH,
    RUN,
    Attach,
    Begin,
    Dataset,
    Finish,
    Log,
    Operation,
    Point,
    Status,
    condition_part,
)
from tracking.mirror.params import flatten, shortened
from tracking.payloads import Interrupted, Resumed
from tracking.study_payloads import (
    ConditionBegun,
    ConditionFailed,
    ConditionMeasured,
    Prepared,
    StudyEnded,
    StudyExtended,
    StudyStarted,
    series_key,
)

DATASET = "dataset/"
"""Begins the key of a prepared entry that is a dataset, with `source`, `sha256` and `rows`."""
STUDY_TAG = "espalier.study"
QUESTION_TAG = "espalier.question"
RUN_STATUS = {
    RunStatus.FINISHED: Status.FINISHED,
    RunStatus.INTERRUPTED: Status.KILLED,
    RunStatus.FAILED: Status.FAILED,
}


class StudyTranslation:
    """Translates in order; what is repeated changes nothing, because everything follows from the events."""

    def __init__(self) -> None:
        self._time_ms = 0
        self._run_id = ""
        self._numbers: dict[str, int] = {}
        self._open: dict[str, None] = {}
        self._prepared: dict[str, Mapping[str, Any]] = {}
        self._failed: set[str] = set()
        self._sessions: list[Event] = []
        self._ended = {"conditions_measured": 0, "conditions_failed": 0}
        self._views: Mapping[type, Callable[[Any], tuple[Operation, ...]]] = {
            StudyStarted: self._study_started,
            StudyExtended: self._study_extended,
            Prepared: self._remember,
            ConditionBegun: self._condition_begun,
            ConditionMeasured: self._condition_measured,
            ConditionFailed: self._condition_failed,
            Interrupted: self._interrupted,
            Resumed: self._resumed,
            StudyEnded: self._study_ended,
        }

    def translate(self, event: Event) -> tuple[Operation, ...]:
        """Return the operations of the next event; none for a kind that a study does not have."""
        self._time_ms = milliseconds(event.time)
        if isinstance(event.payload, StudyStarted | Resumed):
            self._sessions.append(event)
        view = self._views.get(type(event.payload))
        return () if view is None else view(event.payload)

    def _study_started(self, payload: StudyStarted) -> tuple[Operation, ...]:
        self._run_id = payload.run_id
        tags = {
            "espalier.schema": str(payload.schema_version),
            STUDY_TAG: payload.study,
            QUESTION_TAG: shortened(payload.question),
            **self._made_with(),
        }
        return (
            Begin(RUN, payload.run_id, milliseconds(payload.started_at), tags),
            Log(RUN, params=flatten(payload.options)),
            Attach("options.json", payload.options),
        )

    def _made_with(self) -> dict[str, str]:
        text = made_with_text(sessions_of(self._sessions))
        return {MADE_WITH: text} if text else {}

    def _study_extended(self, payload: StudyExtended) -> tuple[Operation, ...]:
        """Attach the options again: a parameter of MLflow cannot be changed."""
        return (Attach("options.json", payload.options),)

    def _remember(self, payload: Prepared) -> tuple[Operation, ...]:
        """Keep it for one document at the end: there may be thousands of entries. A dataset is shown as one."""
        self._prepared[payload.key] = payload.facts
        match payload.facts:
            case {"source": str(source), "sha256": str(digest), "rows": [*rows]} if payload.key.startswith(DATASET):
                name = payload.key.removeprefix(DATASET)
                return (Dataset(name, digest, "file", {"name": source}, {"rows": rows}),)
            case _:
                return ()

    def _condition_begun(self, payload: ConditionBegun) -> tuple[Operation, ...]:
        self._numbers[payload.condition] = payload.number
        part = condition_part(payload.number)
        self._open[part] = None
        params = {**flatten(payload.factors), "seed": str(payload.seed)}
        tags = {"espalier.condition": shortened(payload.condition)}
        return (Begin(part, f"condition-{payload.number:03d}", self._time_ms, tags), Log(part, params=params))

    def _condition_measured(self, payload: ConditionMeasured) -> tuple[Operation, ...]:
        figures = {**payload.figures, "wall_s": payload.wall_s}
        each = self._each(payload.condition)
        tags = {"espalier.state": "measured"}
        if payload.condition in self._failed:
            self._failed.remove(payload.condition)
            self._ended["conditions_failed"] -= 1
            tags["espalier.error"] = ""
        return (*each, *self._ends(payload.condition, figures, tags, Status.FINISHED))

    def _each(self, condition: str) -> tuple[Operation, ...]:
        """Show what is known of each item of a condition as metrics, whose step is the item's place."""
        series = self._prepared.get(series_key(condition), {})
        points = tuple(
            Point(f"each/{name}", float(value), place, self._time_ms)
            for name, values in series.items()
            for place, value in enumerate(values)
            if value is not None
        )
        return (Log(condition_part(self._numbers[condition]), points),) if points else ()

    def _condition_failed(self, payload: ConditionFailed) -> tuple[Operation, ...]:
        if payload.condition in self._failed:
            self._ended["conditions_failed"] -= 1
        self._failed.add(payload.condition)
        tags = {"espalier.state": "failed", "espalier.error": shortened(payload.error, 4000)}
        return self._ends(payload.condition, {"wall_s": payload.wall_s}, tags, Status.FAILED)

    def _ends(
        self, condition: str, figures: Mapping[str, float], tags: Mapping[str, str], status: Status
    ) -> tuple[Operation, ...]:
        part = condition_part(self._numbers[condition])
        self._open.pop(part, None)
        self._ended["conditions_failed" if status is Status.FAILED else "conditions_measured"] += 1
        return (
            Log(part, self._points(figures), tags=tags),
            Finish(part, status, self._time_ms),
            Log(RUN, self._points(self._ended, step=sum(self._ended.values()))),
        )

    def _interrupted(self, payload: Interrupted) -> tuple[Operation, ...]:
        return (Log(RUN, tags={"espalier.interrupted": shortened(payload.reason)}),)

    def _resumed(self, payload: Resumed) -> tuple[Operation, ...]:
        tags = {"espalier.resumed_from_seq": str(payload.from_seq)} | self._made_with()
        return (Begin(RUN, self._run_id, self._time_ms, tags),)

    def _study_ended(self, payload: StudyEnded) -> tuple[Operation, ...]:
        """Close the study; a condition that is still open was cut off, and is shown as killed instead of running."""
        tags = {"espalier.status": payload.status.value}
        if payload.error is not None:
            tags["espalier.error"] = shortened(payload.error, 4000)
        left = tuple(Finish(part, Status.KILLED, self._time_ms) for part in self._open)
        self._open.clear()
        counts = {"conditions_measured": payload.measured, "conditions_failed": payload.failed}
        self._ended = dict(counts)
        return (
            *left,
            *((Attach("prepared.json", dict(self._prepared)),) if self._prepared else ()),
            Log(RUN, self._points(counts, step=sum(counts.values())), tags=tags),
            Finish(RUN, RUN_STATUS[payload.status], self._time_ms),
        )

    def _points(self, figures: Mapping[str, float], step: int = 0) -> tuple[Point, ...]:
        return tuple(Point(key, float(value), step, self._time_ms) for key, value in figures.items())


def milliseconds(moment: datetime) -> int:
    """Return milliseconds since the Unix epoch, as MLflow counts."""
    return round(moment.timestamp() * 1000)
