"""Every append, fsync, rename, file write and call of a model as a numbered point, and what may strike there."""

import builtins
import errno
import io
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

from benchmarks.crash_points.disk import Disk
from llm_clients.vendors.openai import OpenAIVendor

KILLED = 137


class Strike(StrEnum):
    """What happens at a point."""

    BEFORE = "before"
    AFTER = "after"
    TORN = "torn"
    """The process dies when half of the bytes are written."""
    DROPPED = "dropped"
    """The power is cut after the operation: what was not fsynced is gone."""
    FULL = "full"
    """From here on the disk takes no more bytes."""
    TERM = "term"
    """SIGTERM arrives."""


TEARABLE = frozenset({"write", "content"})
FILLING = frozenset({"write", "content", "create", "mkdir", "link"})


class Points:
    """Counts the points of this process, and strikes at one of them.

    Args:
        root: only what happens in this folder counts, besides calls of the model.
        book: a file outside of it, for what the process that watches must know: see `told`.
        at: the number of the point that is struck; None for none.
        how: what happens there.
    """

    def __init__(self, root: Path, book: Path, at: int | None = None, how: Strike = Strike.BEFORE) -> None:
        self._root, self._at, self._how = root, at, how
        self._book = os.open(book, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._disk = Disk(root)
        self._count = 0
        self._full = False
        self._striking = False
        self._mutex = threading.RLock()
        self._real_open, self._real_write = io.open, os.write

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Count and strike until the block ends."""
        with ExitStack() as stack:
            for name in ("mkdir", "rmdir", "unlink", "remove", "rename", "replace", "symlink", "truncate"):
                stack.enter_context(patch.object(os, name, self._by_path(name, getattr(os, name))))
            for name in ("write", "fsync", "ftruncate"):
                stack.enter_context(patch.object(os, name, self._by_descriptor(name, getattr(os, name))))
            stack.enter_context(patch.object(os, "open", self._os_open(os.open)))
            for module in (io, builtins):
                stack.enter_context(patch.object(module, "open", self._open))
            stack.enter_context(patch.object(OpenAIVendor, "send", self._send(OpenAIVendor.send)))
            yield

    # what is watched ----------------------------------------------------------------------------------------------

    def _by_path(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            path = self._inside(args[1 if name in ("rename", "replace", "symlink") else 0], options)
            if path is None:
                return real(*args, **options)
            kind = {"symlink": "link", "remove": "unlink"}.get(name, name)
            return self._point(kind, path, lambda: real(*args, **options))

        return call

    def _by_descriptor(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(descriptor: int, *args: Any) -> Any:
            path = self._inside(descriptor, {})
            if path is None:
                return real(descriptor, *args)

            def tear() -> None:
                real(descriptor, args[0][: len(args[0]) // 2])

            return self._point(name, path, lambda: real(descriptor, *args), tear)

        return call

    def _os_open(self, real: Callable[..., int]) -> Callable[..., int]:
        def call(path: Any, flags: int, *args: Any, **options: Any) -> int:
            inside = self._inside(path, options) if flags & os.O_CREAT else None
            if inside is None or inside.exists():
                return real(path, flags, *args, **options)
            return int(self._point("create", inside, lambda: real(path, flags, *args, **options)))

        return call

    def _open(self, file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        inside = self._inside(file, {}) if set(mode) & set("wax+") and not isinstance(file, int) else None
        if inside is None:
            return self._real_open(file, mode, *args, **options)
        begun = inside.stat().st_size if "a" in mode and inside.exists() else 0
        stream = self._point("create", inside, lambda: self._real_open(file, mode, *args, **options))
        close = stream.close

        def content() -> None:
            if stream.closed:
                return

            def keep(share: float) -> None:
                size = inside.stat().st_size
                os.truncate(inside, begun + int((size - begun) * share))

            close()
            self._point("content", inside, lambda: None, lambda: keep(0.5), lambda: keep(0.0))

        stream.close = content
        return stream

    def _send(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(vendor: OpenAIVendor, *args: Any, **options: Any) -> Any:
            return self._point("call", None, lambda: real(vendor, *args, **options))

        return call

    # striking -----------------------------------------------------------------------------------------------------

    def _point(
        self,
        kind: str,
        path: Path | None,
        act: Callable[[], Any],
        tear: Callable[[], None] | None = None,
        undo: Callable[[], None] | None = None,
    ) -> Any:
        """Pass a point, and die there if it is the one."""
        with self._mutex if kind != "call" else ExitStack():
            number, self._count = self._count, self._count + 1
            self._tell({"point": number, "kind": kind, "path": None if path is None else path.name})
            struck = number == self._at
            if struck:
                self._striking = True
                self._strike_before(tear, undo)
                self._striking = False
            if self._full and kind in FILLING:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), None if path is None else str(path))
            done = act()
            self._note(kind, path)
            if struck and self._how is Strike.DROPPED:
                self._striking = True
                self._disk.cut_power()
                self._die()
            if struck and self._how is Strike.AFTER:
                self._die()
            return done

    def _strike_before(self, tear: Callable[[], None] | None, undo: Callable[[], None] | None) -> None:
        match self._how:
            case Strike.BEFORE:
                if undo is not None:
                    undo()
                self._die()
            case Strike.TORN:
                assert tear is not None, "only what has content is torn"
                tear()
                self._die()
            case Strike.FULL:
                self._full = True
                if undo is not None:
                    undo()
            case Strike.TERM:
                os.kill(os.getpid(), signal.SIGTERM)

    def _note(self, kind: str, path: Path | None) -> None:
        if path is None:
            return
        if kind == "create":
            self._disk.created(path)
        if kind == "fsync":
            self._disk.synced(path)
            if path.name == "ledger.jsonl":
                self._tell({"acknowledged": path.stat().st_size})

    def _inside(self, where: Any, options: dict[str, Any]) -> Path | None:
        """The path of what a call is about, if it lies in the folder; what a strike does there is no point."""
        if self._striking:
            return None
        if isinstance(where, int):
            found = Path(f"/proc/self/fd/{where}").readlink()
        elif options.get("dir_fd") is not None:
            found = Path(f"/proc/self/fd/{options['dir_fd']}").readlink() / os.fsdecode(where)
        else:
            found = Path(os.path.abspath(os.fsdecode(where)))  # noqa: PTH100  links stay as they are
        return found if self._root in (found, *found.parents) else None

    def _tell(self, what: dict[str, Any]) -> None:
        self._real_write(self._book, json.dumps(what).encode() + b"\n")

    def _die(self) -> NoReturn:
        os._exit(KILLED)


def told(book: Path) -> list[dict[str, Any]]:
    """What a process told in its book: its points in order, and how many bytes of the ledger were acknowledged."""
    return [json.loads(line) for line in book.read_text().splitlines()]
