"""Reading the files that a program left, as the program's user, when nothing of it runs any more."""

import base64
import contextlib
import json
import os
import stat
from collections.abc import Sequence


def collected(work: str, names: Sequence[str], most_bytes: int, user: int | None) -> dict[str, str]:
    """Return the content of each file in base64. Left out are those that are not there, no files, links, or too large.

    Args:
        work: the program's folder, in which the names lie.
        names: paths in it.
        most_bytes: the most bytes of all of them together.
        user: the program's user; None where it is this process's own.
    """
    if not names:
        return {}
    read_fd, write_fd = os.pipe()
    if (reader := os.fork()) == 0:
        try:
            if user is not None:
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
            with open(write_fd, "w", encoding="ascii") as pipe:
                json.dump(_all(work, names, most_bytes), pipe)
        finally:
            os._exit(0)
    os.close(write_fd)
    with open(read_fd, encoding="ascii") as pipe:
        text = pipe.read()
    os.waitpid(reader, 0)
    found: dict[str, str] = json.loads(text) if text else {}
    return found


def _all(work: str, names: Sequence[str], most_bytes: int) -> dict[str, str]:
    found = {}
    for name in names:
        with contextlib.suppress(OSError):
            content = _read(work, name, most_bytes)
            if content is not None:
                most_bytes -= len(content)
                found[name] = base64.b64encode(content).decode("ascii")
    return found


def _read(work: str, name: str, most_bytes: int) -> bytes | None:
    """The content of a file, with no link anywhere on the way to it."""
    path = os.path.join(os.path.realpath(work), name)
    if os.path.realpath(path) != os.path.normpath(path):
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_size > most_bytes:
            return None
        return file.read(most_bytes)
