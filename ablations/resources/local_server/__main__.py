"""Serve tiny real models by Ollama's API until interrupted: `python -m ablations.resources.local_server [--port N]`.

It writes a line of JSON to standard output once the port accepts connections: `{"event": "serving", "url", "models",
"weights", "pid"}`. A model is then `ollama:NAME@URL`.
"""

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence

import torch

from ablations.resources.local_server.server import LocalServer
from ablations.resources.local_server.shelf import Shelf, Weights


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 0 after SIGINT or SIGTERM, and 2 if it cannot listen."""
    options = _parser().parse_args(arguments)
    shelf = Shelf(Weights(options.weights))
    try:
        server = LocalServer(shelf, options.host, options.port, options.parallel)
    except OSError as error:
        sys.stderr.write(f"It cannot listen on {options.host} port {options.port}: {error.strerror}. Try --port 0.\n")
        return 2
    torch.set_num_threads(options.threads)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        line = {"event": "serving", "url": server.url, "models": shelf.names, "weights": shelf.weights}
        sys.stdout.write(json.dumps({**line, "pid": os.getpid()}) + "\n")
        sys.stdout.flush()
        stopped.wait()
        server.shutdown()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ablations.resources.local_server", description="Serve tiny real models by Ollama's API."
    )
    parser.add_argument("--host", default="127.0.0.1", help="loopback by default; there is no key")
    parser.add_argument("--port", type=_port, default=0, help="0 takes a free one (default)")
    parser.add_argument(
        "--weights",
        choices=[each.value for each in Weights],
        default=Weights.RANDOM.value,
        help="random: at once, and the names end in -random (default); trained: on Python's own library, in minutes, "
        "and kept in the cache folder",
    )
    parser.add_argument("--parallel", type=_positive, default=1, help="answers that are written at once (default 1)")
    parser.add_argument("--threads", type=_positive, default=1, help="threads of torch (default 1)")
    return parser


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; ports are 0 (a free one) to {_LAST_PORT}")
    return int(text)


_LAST_PORT = 65535


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
