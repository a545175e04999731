"""`launch.py` that halts at a given event of its ledger, so that a test can act at exactly that moment.

    python -m tests.cli.halting '{"before": false, "kind": "rung", "trial": 2, "rung": 0}' VERB …

The first time that an event with these fields is recorded, or is about to be (`before`), it writes a line "halted PID"
and stops all of its threads (SIGSTOP). SIGCONT lets it go on; SIGKILL kills it there.
"""

import json
import os
import signal
import sys
from typing import Any

from cli.main import main
from tracking.events import Event
from tracking.ledger import Ledger
from tracking.payloads import Payload


def install(before: bool, wanted: dict[str, Any]) -> None:
    """Make every ledger of this process halt it once, at that event."""
    record, pending = Ledger.record, [wanted]

    def recording(self: Ledger, payload: Payload) -> Event:
        fields = {"kind": payload.kind.value, **payload.model_dump(mode="json")}
        here = bool(pending) and all(fields.get(name) == value for name, value in pending[0].items())
        if here:
            pending.clear()
        if here and before:
            _halt()
        event = record(self, payload)
        if here and not before:
            _halt()
        return event

    Ledger.record = recording  # type: ignore[method-assign]


def _halt() -> None:
    # On its own line, whatever another thread was writing, and in one piece.
    os.write(1, f"\nhalted {os.getpid()}\n".encode())
    os.kill(os.getpid(), signal.SIGSTOP)


if __name__ == "__main__":
    moment = json.loads(sys.argv.pop(1))
    install(moment.pop("before"), moment)
    sys.exit(main())
