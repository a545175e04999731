"""The interface of a tracker, which shows a run while it goes on.

The ledger is the source of truth. A tracker is a view of it, and may fail without harm to the run.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ground.files import write_whole
from tracking.events import Event

STATE_FILE = "mlflow.json"
"""The file in a run's folder with the last `TrackingState` of its tracker."""


@dataclass(frozen=True, slots=True)
class TrackingState:
    """The progress of a tracker.

    Attributes:
        in_sync: Whether the view contains all events that were fed.
        synced_seq: Number of the last event in the view; 0 for none.
        reason: Why the view is not in sync; None if it is.
        missing: What the store refused of the events up to `synced_seq`, by kind (runs, metrics, params, tags,
            artifacts, traces), and why.
        tracking_uri: Address of the store, without its password; None for a tracker without one.
        experiment: Name of the experiment in the store.
        experiment_id: MLflow's id of the experiment; None until the store was reached.
        run_id: MLflow's id of the parent run; None until it was created.
    """

    in_sync: bool
    synced_seq: int
    reason: str | None = None
    tracking_uri: str | None = None
    experiment: str | None = None
    experiment_id: str | None = None
    run_id: str | None = None
    missing: Mapping[str, str] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write the state to `folder` atomically."""
        write_whole(folder / STATE_FILE, json.dumps(asdict(self), indent=2) + "\n")


def recorded_uri(folder: Path) -> str | None:
    """Return the address of the store that a run was last written to; None if it is not, or not fully, recorded.

    Args:
        folder: The folder of the run.
    """
    try:
        recorded = json.loads((folder / STATE_FILE).read_text(encoding="utf-8")).get("tracking_uri")
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    return recorded if isinstance(recorded, str) and "***" not in recorded else None


def describe_missing(missing: Mapping[str, str]) -> str | None:
    """Return what a store refused in one sentence; None if it refused nothing."""
    if not missing:
        return None
    return "it refused " + ", ".join(f"{kind} ({reason})" for kind, reason in missing.items())


def read_state(folder: Path) -> TrackingState:
    """Read what `TrackingState.save` wrote to a run's folder; a run that nothing shows is in sync with nothing."""
    try:
        return TrackingState(**json.loads((folder / STATE_FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return TrackingState(in_sync=True, synced_seq=0)
    except (OSError, ValueError, TypeError, RecursionError) as error:
        return TrackingState(in_sync=False, synced_seq=0, reason=f"{STATE_FILE} cannot be read ({error})")


class Tracker(ABC):
    """Receives every event of a run, in order.

    No method raises for a fault outside this process, and none waits longer than its timeout.
    """

    @abstractmethod
    def feed(self, event: Event) -> None:
        """Accept one event, and return at once. An event that was fed before is ignored."""

    @abstractmethod
    def flush(self, timeout_s: float = 30.0) -> TrackingState:
        """Wait until the view contains all events that were fed, until writing failed, or until the timeout."""

    @abstractmethod
    def close(self, timeout_s: float = 60.0) -> TrackingState:
        """Flush, upload the files of the run's folder, and stop. A second call returns the same state."""


class NullTracker(Tracker):
    """A tracker that shows nothing, for runs without MLflow."""

    def __init__(self) -> None:
        self._seq = 0

    def feed(self, event: Event) -> None:
        """Remember the number of the event."""
        self._seq = max(self._seq, event.seq)

    def flush(self, timeout_s: float = 30.0) -> TrackingState:
        """Return at once: nothing is ever missing."""
        return TrackingState(in_sync=True, synced_seq=self._seq)

    def close(self, timeout_s: float = 60.0) -> TrackingState:
        """Return at once, as `flush`."""
        return self.flush(timeout_s)
