"""Ctrl-C, SIGTERM and SIGHUP: the first ends the run in order, the second leaves at once."""

import _thread
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

LEFT_AT_ONCE = 130
ENDING = "ending in order, which can take a while (%s); a second one leaves at once"
LEFT = b"\nLeft at once, by a second signal. What was recorded is kept: it goes on as after any interruption.\n"
HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_log = logging.getLogger(__name__)


class Interrupts:
    """Handles the signals of a run. A first one sets a flag where a loop looks at it, and raises elsewhere.

    Attributes:
        reason: name of the signal that came; None while none has.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self._flag: Callable[[], None] | None = None

    @contextmanager
    def flagged(self, flag: Callable[[], None]) -> Iterator[None]:
        """Let a signal call `flag` instead of raising KeyboardInterrupt, until the block ends."""
        self._flag = flag
        try:
            yield
        finally:
            self._flag = None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handle the signals until the block ends; elsewhere than in the main thread, do nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = {number: signal.signal(number, self._handle) for number in HANDLED if not _ignored(number)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def reinstall(self) -> None:
        """Handle the signals again: `ray.init` replaces SIGTERM's handler, in C, by one that aborts the process."""
        if threading.current_thread() is threading.main_thread():
            for number in HANDLED:
                if not _ignored(number):
                    signal.signal(number, self._handle)

    def lose(self, reason: str) -> None:
        """Take the loss of what the run needs as a signal. To be called from any thread: it raises nothing."""
        if self.reason is None:
            self.reason = reason
        if self._flag is not None:
            self._flag()

    def check(self) -> None:
        """Raise what a signal raised if one has come. To be called between steps.

        A signal that arrives while Python runs a destructor or the callback of a weak reference is raised there,
        printed, and lost.

        Raises:
            KeyboardInterrupt: a signal has come.
        """
        if self.reason is not None:
            raise KeyboardInterrupt(self.reason)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.reason is not None:
            # No buffer, no lock: the main thread may hold either.
            with suppress(OSError):
                os.write(2, LEFT)
            os._exit(LEFT_AT_ONCE)
        self.reason = signal.Signals(number).name
        _tell(self.reason)
        if self._flag is None:
            self.check()
        else:
            self._flag()


def _tell(reason: str) -> None:
    """Say that the run is ending: that takes seconds, and silence invites a second signal.

    In a thread, for what the handler interrupts may be printing.
    """
    with suppress(RuntimeError):  # no room for another thread: then silently
        _thread.start_new_thread(_log.warning, (ENDING, reason))


def _ignored(number: signal.Signals) -> bool:
    """Whether `nohup` has the process outlive its terminal. A shell ignores SIGINT for `&`: that is no wish."""
    return number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN
