"""Logs metrics, parameters and tags in few calls; where one is refused, all but the single item that is at fault."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from typing import Any, TypeVar

from tracking.mirror.attempts import Attempts
from tracking.mirror.gaps import Kind
from tracking.mirror.mlflow_store import Store
from tracking.mirror.operations import Log, Point

# MLflow's own limits on one log_batch: 1,000 metrics, 100 parameters, 100 tags, 1,000 of all together.
_METRICS_AT_ONCE, _PAIRS_AT_ONCE = 800, 100
_T = TypeVar("_T")


@dataclass(slots=True)
class Pending:
    """What is still to be logged to one part, collected so that it needs few calls."""

    points: list[Point] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def add(self, log: Log, kinds: Container[Kind]) -> None:
        """Add what a log contains of these kinds."""
        if Kind.METRICS in kinds:
            self.points.extend(log.points)
        if Kind.PARAMS in kinds:
            self.params.update(log.params)
        if Kind.TAGS in kinds:
            self.tags.update(log.tags)


class Batches:
    """Sends to the parts of one run.

    Args:
        store: The open store.
        attempts: Execute each write.
        parts: MLflow's id of each part, kept up to date by the owner.
    """

    def __init__(self, store: Store, attempts: Attempts, parts: Mapping[str, str]) -> None:
        self._store, self._attempts, self._parts = store, attempts, parts

    def send(self, part: str, since: int, pending: Pending) -> None:
        """Log everything together; where that is refused, each kind alone, down to the single item that is refused."""
        from mlflow.entities import Metric, Param, RunTag

        points = _chunks([Metric(p.key, p.value, p.time_ms, p.step) for p in pending.points], _METRICS_AT_ONCE)
        params = _chunks([Param(key, value) for key, value in pending.params.items()], _PAIRS_AT_ONCE)
        tags = _chunks([RunTag(key, value) for key, value in pending.tags.items()], _PAIRS_AT_ONCE)
        for some_points, some_params, some_tags in zip_longest(points, params, tags, fillvalue=()):
            kinds = {Kind.METRICS: some_points, Kind.PARAMS: some_params, Kind.TAGS: some_tags}
            together = partial(self.log, part, some_points, some_params, some_tags)
            given_up = any(items and self._attempts.gaps.is_given_up(kind) for kind, items in kinds.items())
            if given_up or self._attempts.refusal(Kind.METRICS, together) is not None:
                for kind, items in kinds.items():
                    self._send_kind(kind, part, since, items)

    def _send_kind(self, kind: Kind, part: str, since: int, items: Sequence[Any]) -> None:
        if not items:
            return
        if len(items) == 1 or self._attempts.gaps.is_given_up(kind):
            self._attempts.attempt(kind, since, f"{part}, {items[0].key}", partial(self._log_items, kind, part, items))
        elif self._attempts.refusal(kind, partial(self._log_items, kind, part, items)) is not None:
            middle = len(items) // 2
            self._send_kind(kind, part, since, items[:middle])
            self._send_kind(kind, part, since, items[middle:])
        else:
            self._attempts.gaps.accepted(kind)

    def _log_items(self, kind: Kind, part: str, items: Sequence[Any]) -> None:
        self.log(part, **{kind.value: items})

    def log(self, part: str, metrics: Sequence[Any] = (), params: Sequence[Any] = (), tags: Sequence[Any] = ()) -> None:
        """Log these to a part by one call, and raise what the store raises."""
        self._store.client.log_batch(self._parts[part], metrics, params, tags)


def _chunks(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
