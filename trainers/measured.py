"""What a step of the proxy was measured to take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MeasuredStep:
    """One step of the proxy, of the unpruned model, on one GPU: what a trial takes at most.

    Attributes:
        taken_bytes: most memory that a trial takes, without what a process takes before it computes.
        free_bytes: of the GPU's memory, before it.
        step_s: seconds of a step with the proxy's batch.
        launch_s: seconds of a step with as few images as possible, in which the GPU waits for the process most of the
            time.
    """

    taken_bytes: int
    free_bytes: int
    step_s: float
    launch_s: float
