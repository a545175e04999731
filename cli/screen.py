"""Standard output and standard error as a search needs them: a fault of theirs never ends it."""

import contextlib
import os
import sys
from typing import Any, Literal


class Screen:
    """A stream to write to, whatever becomes of the one behind it.

    Letters that the stream's encoding lacks are replaced. When nobody reads any more (`| head`), the terminal has gone
    or the disk is full, the stream falls silent.

    Args:
        name: of the stream in `sys`, looked up at each write: tests and libraries exchange it.
    """

    def __init__(self, name: Literal["stdout", "stderr"]) -> None:
        self._name = name
        self._gone: Any = None

    def write(self, text: str) -> int:
        """Write, if somebody still reads."""
        stream = self._stream
        if stream is not None:
            with self._until_gone(stream):
                stream.write(_encodable(text, stream))
        return len(text)

    def flush(self) -> None:
        """Flush, if somebody still reads."""
        stream = self._stream
        if stream is not None:
            with self._until_gone(stream):
                stream.flush()

    @property
    def encoding(self) -> str:
        """Of the stream; by it rich chooses between lines of letters and lines of boxes."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            return bool(self._stream.isatty())
        return False

    def fileno(self) -> int:
        """Of the stream.

        Raises:
            OSError: it has none.
        """
        if self._stream is None:
            raise OSError(f"there is no {self._name}")
        return int(self._stream.fileno())

    @property
    def _stream(self) -> Any:
        stream = getattr(sys, self._name)
        # While something live is shown, rich puts a proxy there that prints through the console, which prints here.
        stream = getattr(stream, "rich_proxied_file", stream)
        return None if stream is self._gone else stream

    @contextlib.contextmanager
    def _until_gone(self, stream: Any) -> Any:
        try:
            yield
        except (OSError, ValueError):
            self._gone = stream
            _discard(stream)


def close_quietly() -> None:
    """Flush both streams. What cannot be written is dropped: Python would report it when it leaves, with code 120."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None:
            try:
                stream.flush()
            except (OSError, ValueError):
                _discard(stream)


def _encodable(text: str, stream: Any) -> str:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding, "replace")


def _discard(stream: Any) -> None:
    """Send what is still buffered nowhere."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)
