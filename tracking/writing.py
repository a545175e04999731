"""Runs calls in a thread of their own, one after another, where no handler of a signal can interrupt them."""

import _thread
import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

_T = TypeVar("_T")


class Writing:
    """A thread that carries calls out to their end.

    Python runs the handlers of signals in the main thread, between any two of its instructions, and a handler that
    raises breaks off whatever that thread does. Here it breaks off only the wait for a result. The queues are those
    whose `put` and `get` are single instructions, so that no handler can divide them either.

    The thread begins with the first call, and does not keep the process alive.
    """

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._server: _Server | None = None

    def do(self, call: Callable[[], _T]) -> _T:
        """Carry a call out in the thread, and return or raise what it does.

        Raises:
            BaseException: Of the call, or of a signal's handler; the call is then carried out nevertheless.
        """
        server = self._ready()
        if server.thread == threading.get_ident():
            return call()
        result: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()

        def carry_out() -> None:
            try:
                value = call()
            except BaseException as error:  # noqa: BLE001  it belongs to the caller, who waits
                result.put((None, error))
            else:
                result.put((value, None))

        server.calls.put(carry_out)
        value, error = result.get()
        if error is not None:
            raise error
        return value

    def end(self) -> None:
        """Let the thread end after the calls so far; a later call begins another."""
        with self._starting:
            server, self._server = self._server, None
            if server is not None:
                server.calls.put(None)

    def _ready(self) -> "_Server":
        """Return the thread of this process; a forked one has none of its parent's."""
        with self._starting:
            if self._server is None or self._server.process != os.getpid():
                # Known only once it is complete: a handler that raises before leaves a thread that nobody asks.
                calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
                self._server = _Server(os.getpid(), _thread.start_new_thread(_serve, (calls,)), calls)
            return self._server


class _Server(NamedTuple):
    process: int
    thread: int
    calls: SimpleQueue[Callable[[], None] | None]


def _serve(calls: SimpleQueue[Callable[[], None] | None]) -> None:
    while (call := calls.get()) is not None:
        call()
