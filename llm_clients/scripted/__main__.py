"""Serve a script until interrupted: `python -m llm_clients.scripted [--port N] SCRIPT.json`.

It writes two lines of JSON to standard output: `{"event": "serving", "url", "model", "pid"}` once the port accepts
connections, and `{"event": "stopped", "requests", "answers", "input_tokens", "output_tokens", "cost_usd", "faults"}`.
The same totals are at `GET /scripted/totals` at any time.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from llm_clients.errors import ScriptError
from llm_clients.request import Json
from llm_clients.scripted.script import load_script
from llm_clients.scripted.server import ScriptedServer


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0 after SIGINT or SIGTERM, and 2 for a bad script."""
    parser = argparse.ArgumentParser(prog="python -m llm_clients.scripted", description="Serve a script.")
    parser.add_argument("script", type=Path, help="a JSON file, or the name of a script that comes with the package")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--host", default="127.0.0.1", help="loopback by default")
    options = parser.parse_args(arguments)
    try:
        script = load_script(options.script)
    except ScriptError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with ScriptedServer(script, host=options.host, port=options.port) as server:
        _say({"event": "serving", "url": server.url, "model": script.model, "pid": os.getpid()})
        while not stopped.wait(0.2) and not server.closing.is_set():
            pass
        _say({"event": "stopped", **server.totals()})
    return 0


def _say(line: dict[str, Json]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
