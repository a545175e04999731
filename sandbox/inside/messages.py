"""Messages between the processes of a sandbox: JSON behind its length, over a pair of pipes.

JSON, because one side of a line may be the program that is judged: nothing that it sends may be more than data.
"""

import json
import os
from typing import Any

LARGEST = 32 * 2**20
"""Bytes of the largest message that is read."""


class LineError(Exception):
    """The other side does not keep to the form, or is gone."""


class LineGoneError(LineError):
    """The other side is gone."""


class Line:
    """One end of a line.

    Args:
        read_fd: descriptor to read from.
        write_fd: descriptor to write to.
    """

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd, self._write_fd = read_fd, write_fd

    def send(self, message: dict[str, Any]) -> None:
        """Send one message.

        Raises:
            LineError: the other side is gone.
            RecursionError: the message is nested too deeply.
        """
        body = json.dumps(message).encode("ascii")
        data = memoryview(len(body).to_bytes(4, "big") + body)
        try:
            while data:
                data = data[os.write(self._write_fd, data) :]
        except OSError as error:
            raise LineGoneError("the other side is gone") from error

    def receive(self) -> dict[str, Any]:
        """Wait for one message.

        Raises:
            LineError: the other side is gone, or what it sent is no message.
        """
        size = int.from_bytes(self._exactly(4), "big")
        if size > LARGEST:
            raise LineError(f"a message of {size:,} bytes, where {LARGEST:,} are the most")
        return _parsed(self._exactly(size))

    @property
    def read_fd(self) -> int:
        """The descriptor that `receive` reads from."""
        return self._read_fd

    def close(self) -> None:
        """Close this end."""
        os.close(self._read_fd)
        os.close(self._write_fd)

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            try:
                part = os.read(self._read_fd, min(size, 2**20))
            except OSError as error:
                raise LineGoneError("the other side is gone") from error
            if not part:
                raise LineGoneError("the other side is gone")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def first_message(data: bytes) -> dict[str, Any] | None:
    """The first message of what was read from a line; None where there is none."""
    size = int.from_bytes(data[:4], "big")
    body = data[4 : 4 + size]
    try:
        return _parsed(body) if size and len(body) == size else None
    except LineError:
        return None


def line_pair() -> tuple[Line, Line]:
    """Two ends of a new line."""
    first_read, second_write = os.pipe()
    second_read, first_write = os.pipe()
    return Line(first_read, first_write), Line(second_read, second_write)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise LineError("what arrived is no message") from error
    if not isinstance(message, dict):
        raise LineError("what arrived is no message")
    return message
