"""The parent's end of the pipes: send a job, read what comes back, and give up after a time."""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_PIECE = 2**16


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        output: what the command wrote to standard output.
        errors: what it wrote to standard error.
        code: its exit code; negative for a signal.
        given_up: why it was killed; empty if it was not.
    """

    output: bytes
    errors: bytes
    code: int
    given_up: str = ""


def exchange(
    command: Sequence[str], environment: Mapping[str, str], message: bytes, *, most_s: float, most_bytes: int
) -> Answer:
    """Run a command in a session of its own, and return when it has ended. Nothing of it is inherited but three pipes.

    Args:
        command: its command line.
        environment: all of its environment.
        message: for its standard input, which is closed behind it.
        most_s: seconds after which it is killed.
        most_bytes: most bytes of output, and of errors, after which it is killed.

    Raises:
        OSError: it cannot be started.
    """
    process = subprocess.Popen(  # noqa: S603
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(environment),
        start_new_session=True,
    )
    with process:
        try:
            given_up, output, errors = _exchanged(process, message, time.monotonic() + most_s, most_bytes)
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
    return Answer(output, errors, code, given_up)


def _exchanged(
    process: "subprocess.Popen[bytes]", message: bytes, deadline: float, most_bytes: int
) -> tuple[str, bytes, bytes]:
    """Write and read until both outputs end; return why it was given up, or nothing, and both outputs."""
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None  # noqa: PT018
    left = memoryview(message)
    kept = {process.stdout: bytearray(), process.stderr: bytearray()}
    given_up = ""
    with selectors.DefaultSelector() as selector:
        os.set_blocking(process.stdin.fileno(), False)
        selector.register(process.stdin, selectors.EVENT_WRITE)
        for pipe in kept:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map() and not given_up:
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                given_up = "it did not end in time"
            for key, _ in ready:
                if key.fileobj is process.stdin:
                    left = left[_write(process.stdin.fileno(), left) :]
                    if not left:
                        selector.unregister(process.stdin)
                        process.stdin.close()
                    continue
                data = os.read(key.fd, _PIECE)
                if not data:
                    selector.unregister(key.fileobj)
                kept[key.fileobj] += data  # type: ignore[index]
                if len(kept[key.fileobj]) > most_bytes:  # type: ignore[index]
                    given_up = "it wrote more than it may"
    return given_up, bytes(kept[process.stdout]), bytes(kept[process.stderr])


def _write(descriptor: int, data: memoryview) -> int:
    """Write a piece, and return its length; all of it where nobody reads any more."""
    try:
        return os.write(descriptor, data[:_PIECE])
    except BlockingIOError:
        return 0
    except BrokenPipeError:
        return len(data)
