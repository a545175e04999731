"""Tests of the file lock."""

import os
import signal
from pathlib import Path

import pytest

from ground.cache import locked
from ground.locks import LockFile


def test_a_lock_excludes_a_second_one_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with LockFile(path) as first, LockFile(path) as second:
        first.acquire(wait=False)
        with pytest.raises(BlockingIOError):
            second.acquire(wait=False)
        first.close()
        first.close()
        second.acquire(wait=False)
    with pytest.raises(ValueError, match="closed"):
        first.acquire(wait=False)


@pytest.mark.parametrize("through", ["a lock", "the cache"])
def test_a_forked_process_keeps_no_lock(through: str, tmp_path: Path) -> None:
    """As readers of images that outlive a driver."""
    path = tmp_path / "entry.lock"
    reading, writing = os.pipe()
    holder = os.fork()
    if holder == 0:
        hold(path, through)
        reader = os.fork()
        if reader == 0:
            signal.pause()
        os.write(writing, str(reader).encode())
        signal.pause()
    reader = int(os.read(reading, 20))
    try:
        with LockFile(path) as mine:
            with pytest.raises(BlockingIOError):
                mine.acquire(wait=False)
            os.kill(holder, signal.SIGKILL)
            os.waitpid(holder, 0)
            os.kill(reader, 0)
            mine.acquire(wait=False)
    finally:
        os.kill(reader, signal.SIGKILL)
        os.close(reading)
        os.close(writing)


HELD: list[object] = []


def hold(path: Path, through: str) -> None:
    if through == "a lock":
        lock = LockFile(path)
        lock.acquire(wait=False)
        HELD.append(lock)
    else:
        entered = locked(path.with_name("entry"))
        entered.__enter__()
        HELD.append(entered)
