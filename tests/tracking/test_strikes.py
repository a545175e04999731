"""Signals that strike inside an append: the event is on disk and in memory, or in neither, and the next one fits."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tracking.events import payloads_of
from tracking.kinds import EventKind
from tracking.ledger import Ledger
from tracking.payloads import Interrupted
from tracking.reader import read_ledger


def note(ledger: Ledger, word: str) -> None:
    ledger.append(EventKind.INTERRUPTED, reason=word)


def words(path: Path) -> list[str]:
    return [interrupted.reason for interrupted in payloads_of(read_ledger(path), Interrupted)]


@pytest.fixture
def raising() -> Iterator[None]:
    """Let SIGINT raise KeyboardInterrupt, as it does in a plain process."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.parametrize("name", ["write", "fsync"])
@pytest.mark.parametrize("after", [False, True])
def test_what_is_raised_beside_a_call_of_the_system_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, after: bool
) -> None:
    real: Callable[..., Any] = getattr(os, name)
    strikes = iter([True, False])

    def struck(*args: Any) -> Any:
        strike = next(strikes, False)
        if strike and not after:
            raise KeyboardInterrupt
        done = real(*args)
        if strike:
            raise KeyboardInterrupt
        return done

    path = tmp_path / "ledger.jsonl"
    with Ledger.create(path) as ledger:
        note(ledger, "one")
        with monkeypatch.context() as patch:
            patch.setattr(os, name, struck)
            with pytest.raises(KeyboardInterrupt):
                note(ledger, "two")
        note(ledger, "three")
        assert [event.seq for event in ledger.events] == [1, 2, 3]
    assert words(path) == ["one", "two", "three"]


def test_a_half_written_line_is_completed_when_something_is_raised_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.write, count()

    def half(descriptor: int, line: bytes) -> int:
        if next(calls) == 0:
            real(descriptor, line[:7])
            raise KeyboardInterrupt
        return real(descriptor, line)

    path = tmp_path / "ledger.jsonl"
    with Ledger.create(path) as ledger:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", half)
            with pytest.raises(KeyboardInterrupt):
                note(ledger, "one")
        note(ledger, "two")
    assert words(path) == ["one", "two"]


@pytest.mark.usefixtures("raising")
def test_a_real_signal_during_a_slow_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal ends the wait while the disk is still at work, and the event is written all the same."""
    real, ended = os.fsync, threading.Event()

    def slow(descriptor: int) -> None:
        if not ended.is_set():
            os.kill(os.getpid(), signal.SIGINT)
            assert ended.wait(60), "the wait for the event goes on"
        real(descriptor)

    path = tmp_path / "ledger.jsonl"
    with Ledger.create(path) as ledger:
        monkeypatch.setattr(os, "fsync", slow)
        with pytest.raises(KeyboardInterrupt):
            note(ledger, "one")
        ended.set()
        note(ledger, "two")
        assert [event.seq for event in ledger.events] == [1, 2]
    assert words(path) == ["one", "two"]


@pytest.mark.usefixtures("raising")
def test_signals_at_any_instruction(tmp_path: Path) -> None:
    """A timer that fires at ever later moments of an append: every event is there once, or not at all."""
    path, missed = tmp_path / "ledger.jsonl", 0
    former = signal.signal(signal.SIGALRM, _raise)
    try:
        with Ledger.create(path) as ledger:
            for number in range(300):
                try:
                    signal.setitimer(signal.ITIMER_REAL, 1e-6 + (number % 100) * 4e-6)
                    note(ledger, str(number))
                    time.sleep(0.001)  # longer than any of the timers, so that each strikes within this block
                except KeyboardInterrupt:
                    missed += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
            note(ledger, "end")
            assert [event.seq for event in ledger.events] == list(range(1, len(ledger.events) + 1))
    finally:
        signal.signal(signal.SIGALRM, former)
    found = words(path)
    assert missed > 100
    assert found[-1] == "end"
    assert [int(word) for word in found[:-1]] == sorted({int(word) for word in found[:-1]})


def _raise(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def test_a_forked_process_can_still_close_its_copy(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "ledger.jsonl")
    note(ledger, "one")
    child = os.fork()
    if child == 0:
        ledger.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    note(ledger, "two")
    ledger.close()
    assert words(ledger.path) == ["one", "two"]
