"""The meters of all servers that a study asks: one for each, whoever names it."""

import math
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from ablations.resources.metering.instruments import Instruments
from ablations.resources.metering.meter import EVERY_S, Meter
from ablations.resources.metering.overlaps import Overlaps
from llm_clients.process_tree import ProcessTree
from llm_clients.servers import UnseenServerError, is_local, local_port, server_process


class Meters:
    """Two models on one server share its meter, so that their calls are seen to overlap."""

    def __init__(self, instruments: Instruments | None = None, every_s: float = EVERY_S) -> None:
        """No server is looked at yet.

        Args:
            instruments: what to measure with; None finds those of this machine.
            every_s: seconds between two samples.
        """
        self._instruments = instruments or Instruments.found()
        self._every_s = every_s
        self._machine = Overlaps()
        self._lock = threading.Lock()
        self._meters: dict[tuple[str, object], Meter] = {}

    def of(self, endpoint: str | None, pid: int | None = None) -> Meter:
        """The meter of a server.

        Args:
            endpoint: the base URL; None if no server is asked.
            pid: the server's process, where the user named it.
        """
        finder = Finder(endpoint, pid)
        with self._lock:
            key = _key(endpoint, finder)
            if key not in self._meters:
                here = pid is not None or (endpoint is not None and is_local(endpoint))
                machine = self._machine if here else Overlaps()
                self._meters[key] = Meter(finder, self._instruments, machine, self._every_s)
            return self._meters[key]


class Finder:
    """Finds the process of a server, and remembers it while it runs: a search reads all sockets of the machine.

    Where there is none, it searches again after a second, so that thousands of short calls do not each search.
    """

    def __init__(
        self,
        endpoint: str | None,
        pid: int | None,
        search: Callable[[str | None], int] = server_process,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoint, self._named, self._search, self._clock = endpoint, pid, search, clock
        self._found: ProcessTree | None = None
        self._why = ""
        self._again_at_s = -math.inf

    def __call__(self) -> int:
        """The process's number.

        Raises:
            UnseenServerError: it cannot be seen.
        """
        if self._found is not None and self._found.is_running:
            return self._found.pid
        if self._clock() < self._again_at_s:
            raise UnseenServerError(self._why)
        try:
            self._found = ProcessTree(self._search(self._endpoint) if self._named is None else self._named)
        except UnseenServerError as error:
            self._found, self._why, self._again_at_s = None, str(error), self._clock() + _AGAIN_AFTER_S
            raise
        return self._found.pid


_AGAIN_AFTER_S = 1.0


def _key(endpoint: str | None, finder: Finder) -> tuple[str, object]:
    try:
        return "process", finder()
    except UnseenServerError:
        pass  # not started yet, or elsewhere
    if endpoint is None:
        return "none", finder  # a replay waits for nobody
    parts = urlsplit(endpoint)
    return ("port", local_port(endpoint)) if is_local(endpoint) else ("address", (parts.hostname, parts.port))
