"""What the worker of a trial reports to the session."""

from dataclasses import dataclass
from datetime import datetime

from tracking.payloads import Rung


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one step of a trial: a rung, or an error.

    Attributes:
        trial: its number.
        actor: name of the worker.
        pid: of the worker's process.
        started: when the trial began on this worker.
        now: when the step ended; as far from `started` as a monotonic clock says.
        compute_s: seconds since the trial's start in which the worker computed, and did not wait for the driver.
        served: trials that the worker has had, this one included.
        rung: the score, as the ledger will hold it; None on an error.
        error: what ended the trial; None otherwise.
        note: what the worker did to go on all the same, as with a smaller batch.
    """

    trial: int
    actor: str
    pid: int
    started: datetime
    now: datetime
    compute_s: float
    served: int
    rung: Rung | None = None
    error: str | None = None
    note: str | None = None

    @property
    def seconds(self) -> float:
        """From the trial's start to the end of the step, by the worker's clock; 0 if that was set back meanwhile."""
        return max(0.0, (self.now - self.started).total_seconds())
