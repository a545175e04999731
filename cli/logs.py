"""Log records, warnings and uncaught errors on standard error, each as safe as what the console prints."""

import logging
import sys
import threading
import traceback
from types import TracebackType

from cli.plain import one_line, plain
from cli.screen import Screen

INDENT = "    "


class PlainFormatter(logging.Formatter):
    """A record on one line; a traceback below it is indented, so that none of its lines looks like a record."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's text without control characters."""
        told = f"{record.levelname.lower()}: {record.name}: {record.getMessage()}"
        lines = [one_line(told)]
        if record.exc_info:
            lines += _indented(self.formatException(record.exc_info))
        if record.stack_info:
            lines += _indented(record.stack_info)
        return "\n".join(lines)


def install() -> None:
    """Show warnings and errors of all libraries by that formatter, and also what nobody caught."""
    root = logging.getLogger()
    if not any(isinstance(handler.formatter, PlainFormatter) for handler in root.handlers):
        handler = logging.StreamHandler(Screen("stderr"))
        handler.setLevel(logging.WARNING)
        handler.setFormatter(PlainFormatter())
        root.addHandler(handler)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    # As Python's own hook: a thread that leaves is no error. Those that wait for Ray do where its session ends.
    if not issubclass(args.exc_type, SystemExit):
        _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def traceback_text(error: BaseException) -> str:
    """The traceback of an error, without control characters."""
    return plain("".join(traceback.format_exception(error)))


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    told = "".join(traceback.format_exception(kind, error, trace))
    Screen("stderr").write(plain(told))


def _indented(text: str) -> list[str]:
    return [INDENT + one_line(line) for line in text.splitlines()]
