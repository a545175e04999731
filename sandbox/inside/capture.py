"""What the program prints, kept up to a limit."""

import contextlib
import os


class Capture:
    """Reads the pipes of a program without ever waiting for it.

    Args:
        pipes: descriptors to read from, by name.
        most_bytes: the most bytes of all pipes together that are kept.
    """

    def __init__(self, pipes: dict[str, int], most_bytes: int) -> None:
        self._pipes, self._left = dict(pipes), most_bytes
        self._kept: dict[str, list[bytes]] = {name: [] for name in pipes}
        self.overflowed = False
        for descriptor in pipes.values():
            os.set_blocking(descriptor, False)

    @property
    def open(self) -> tuple[int, ...]:
        """The descriptors from which more may come."""
        return tuple(self._pipes.values())

    def read(self) -> None:
        """Read what is there, at most one buffer of each pipe."""
        for name, descriptor in list(self._pipes.items()):
            with contextlib.suppress(BlockingIOError):
                data = os.read(descriptor, 2**16)
                if not data:
                    del self._pipes[name]
                self._keep(name, data)

    def drain(self) -> None:
        """Read all that is left in the pipes, when nobody writes to them any more."""
        before = None
        while self._pipes and before != (before := (len(self._pipes), self._left)) and not self.overflowed:
            self.read()

    def kept(self) -> dict[str, bytes]:
        """What was read, by name."""
        return {name: b"".join(parts) for name, parts in self._kept.items()}

    def _keep(self, name: str, data: bytes) -> None:
        self.overflowed = self.overflowed or len(data) > self._left
        self._kept[name].append(data[: self._left])
        self._left -= len(self._kept[name][-1])
