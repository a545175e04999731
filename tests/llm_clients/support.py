"""Shared by the tests of this room: a schema, a clock that does not sleep, clients of scripted servers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from llm_clients.options import ClientOptions
from llm_clients.remote import RemoteClient
from llm_clients.request import Request
from llm_clients.retry import RetryPolicy
from llm_clients.scripted.client import scripted_vendor
from llm_clients.scripted.script import FaultName, Script, Step, WireName
from llm_clients.scripted.server import ScriptedServer

SCHEMA = {
    "type": "object",
    "properties": {
        "ratios": {
            "type": "array",
            "items": {"type": "number", "minimum": 0, "maximum": 1},
            "minItems": 2,
            "maxItems": 2,
        },
        "importance": {"type": "string"},
    },
    "required": ["ratios", "importance"],
    "additionalProperties": False,
}
ANSWER = {"ratios": [0.5, 0.25], "importance": "magnitude"}
REQUEST = Request.ask("Choose keep ratios.", system="You prune vision models.", schema=SCHEMA)

# where a server hangs: short enough for tests, long enough for a busy machine to give the answer that follows
ATTEMPT_S = 0.8
# everywhere else: a trip that times out by chance would be a fault that no script asked for
PATIENT_S = 30.0


class LeapingClock:
    """Real time plus every requested wait: waiting takes no time, and `waits` lists the requested waits."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self._leapt = 0.0
        self._closed = False
        self._lock = threading.Lock()

    def now(self) -> float:
        return time.monotonic() + self._leapt

    def wait(self, seconds: float) -> bool:
        with self._lock:
            if not self._closed:
                self.waits.append(seconds)
                self._leapt += seconds
            return not self._closed

    def close(self) -> None:
        self._closed = True


@contextmanager
def rehearsal(script: Script, wire: WireName, **options: Any) -> Iterator[tuple[RemoteClient, ScriptedServer]]:
    """A client of the given shape and the scripted server that it talks to over a socket."""
    hangs = any(step.fault in (FaultName.HANG, FaultName.TRICKLE) for step in script.calls)
    policy = RetryPolicy(attempt_s=ATTEMPT_S if hangs else PATIENT_S)
    given = ClientOptions(policy=policy, clock=LeapingClock, sample_server=False)
    with (
        ScriptedServer(script) as server,
        RemoteClient("rehearsal", scripted_vendor(script, server.url, wire), replace(given, **options)) as client,
    ):
        yield client, server


def failing(*faults: FaultName, **options: Any) -> Script:
    """A script that fails in the given ways, call by call, and then answers."""
    steps = tuple(Step(fault=fault) for fault in faults)
    return Script(calls=steps, **{"answers": (ANSWER,), "hang_s": 5.0, **options})
