"""What shows a run to the world while it goes on. The ledger is the truth; a tracker is a view of it, and may fail."""

import json
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from pathlib import Path

from ground.files import write_whole
from tracking.events import Event

STATE_FILE = "mlflow.json"
"""In a run's folder: what its tracker last knew of itself."""


@dataclass(frozen=True, slots=True)
class TrackingState:
    """How far a tracker has come.

    Attributes:
        in_sync: all that was fed is in the view.
        synced_seq: the last event that is in the view; 0 for none.
        reason: why it is not in sync; None when it is.
        tracking_uri, experiment, experiment_id, run_id: where the run is; None where it is nowhere (yet).
    """

    in_sync: bool
    synced_seq: int
    reason: str | None = None
    tracking_uri: str | None = None
    experiment: str | None = None
    experiment_id: str | None = None
    run_id: str | None = None

    def save(self, folder: Path) -> None:
        """Write it to ``folder``, in one step."""
        write_whole(folder / STATE_FILE, json.dumps(asdict(self), indent=2) + "\n")


class Tracker(ABC):
    """Is fed every event of a run, in order.

    No method raises for a fault of the world beyond this process, and none waits longer than it is told to.
    """

    @abstractmethod
    def feed(self, event: Event) -> None:
        """Take one event and return at once. An event that was fed before is passed over."""

    @abstractmethod
    def flush(self, timeout_s: float = 30.0) -> TrackingState:
        """Wait until all that was fed is in the view, or is known not to be, or the time is up."""

    @abstractmethod
    def close(self, timeout_s: float = 60.0) -> TrackingState:
        """Flush, hand over the files of the run's folder, and stop. A second call gives the same answer."""


class NullTracker(Tracker):
    """Shows nothing, by request: for runs without MLflow."""

    def __init__(self) -> None:
        self._seq = 0

    def feed(self, event: Event) -> None:
        self._seq = max(self._seq, event.seq)

    def flush(self, timeout_s: float = 30.0) -> TrackingState:
        return TrackingState(in_sync=True, synced_seq=self._seq)

    def close(self, timeout_s: float = 60.0) -> TrackingState:
        return self.flush(timeout_s)
