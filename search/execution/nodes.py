"""The nodes of the Ray session that this process is connected to, and those that are still to come."""

import time
from collections.abc import Callable, Sequence

import ray
from ray.autoscaler.sdk import request_resources

from search.setup.resources import Machines, cluster_machines

MOST_WORKERS = 4096
"""Where their number follows the cluster."""
_LOOK_S = 1.0
_SAY_S = 30.0
_SEEN_S = 5.0


def cluster_now() -> Machines:
    """Return the nodes that are there."""
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return cluster_machines([(node.get("CPU", 0.0), node.get("GPU", 0.0)) for node in alive])


def awaited(
    enough: Callable[[Machines], bool],
    wait_s: float,
    say: Callable[[str], None],
    *,
    what: str,
    look: Callable[[], Machines] = cluster_now,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Machines:
    """Wait for nodes that are still to come.

    Args:
        enough: whether these nodes are all that the run needs.
        wait_s: seconds to wait at most.
        say: hears that it waits, for what, and what is there.
        what: what it waits for, in words.
        look: returns the nodes that are there.
        clock: in seconds.
        pause: sleeps for so many seconds.

    Returns:
        The nodes at the end, enough or not.
    """
    begun, said = clock(), None
    while not enough(there := look()):
        waited = clock() - begun
        if waited >= wait_s:
            break
        if said is None or waited - said >= _SAY_S:
            said = waited
            say(f"waiting for {what}: {there.describe()} so far, {wait_s - waited:.0f} s left (--wait-for-nodes)")
        pause(min(_LOOK_S, wait_s - waited))
    return there


def ask_for(groups: Sequence[tuple[int, float, float]]) -> None:
    """Have an autoscaler, if there is one, add nodes until all of these workers fit; nothing takes the request back.

    Args:
        groups: numbers of workers, with the CPUs and GPUs of each.
    """
    bundles = [{"CPU": cpus} | ({"GPU": gpus} if gpus else {}) for count, cpus, gpus in groups for _ in range(count)]
    request_resources(bundles=bundles)


class Room:
    """How many workers the cluster has room for: nodes come and go.

    Args:
        cpus: of each worker.
        gpus: of each worker.
        look: returns the nodes that are there.
        clock: in seconds.
    """

    def __init__(
        self,
        cpus: float,
        gpus: float,
        look: Callable[[], Machines] = cluster_now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cpus, self._gpus, self._look, self._clock = cpus, gpus, look, clock
        self._looked, self._room = clock() - _SEEN_S, 1

    def __call__(self) -> int:
        """Return the number, at least one: it is asked ten times a second, and looks every few."""
        now = self._clock()
        if now - self._looked >= _SEEN_S:
            self._looked, self._room = now, max(1, self._look().slots(self._cpus, self._gpus))
        return self._room
