"""The ledger: acknowledged events are kept, an incomplete line is reported, damage is refused."""

import errno
import fcntl
import json
import os
import pickle
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tracking.samples import START, numbered, run_started, whole_run
from tracking.chain import START as START_OF_CHAIN
from tracking.chain import link
from tracking.clock import format_time
from tracking.errors import (
    CorruptLedgerError,
    HalfWrittenLedgerError,
    LedgerExistsError,
    LedgerMissingError,
    LedgerWriteError,
    LockedError,
    OtherPlanError,
    PayloadError,
)
from tracking.events import Event, payloads_of
from tracking.kinds import DecisionKind, EventKind
from tracking.ledger import Ledger, encode, lock_path
from tracking.payloads import Decision, Interrupted, Rung, RunStarted
from tracking.reader import decode, read_ledger
from tracking.repair import repair


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "20261121-104233-tiny"
    folder.mkdir()
    return folder / "ledger.jsonl"


def note(ledger: Ledger, word: str) -> Event:
    return ledger.append(EventKind.INTERRUPTED, reason=word)


def words(path: Path) -> list[str]:
    return [interrupted.reason for interrupted in payloads_of(read_ledger(path), Interrupted)]


def test_a_whole_run_reads_back_as_written(path: Path) -> None:
    with Ledger.create(path) as ledger:
        for payload in whole_run():
            ledger.record(payload)
    back = read_ledger(path)
    assert repr(back) == repr(ledger.events)  # repr: one loss is NaN, which equals nothing
    assert [event.seq for event in back] == list(range(1, len(back) + 1))


def test_a_line_is_one_json_object_that_people_can_read(path: Path) -> None:
    with Ledger.create(path, clock=lambda: START) as ledger:
        ledger.append(EventKind.RUNG, trial=3, rung=1, epochs=2, accuracy=0.5, loss=1.25)
    body = (
        b'{"seq":1,"time":"2026-11-21T10:42:33.125000Z","kind":"rung",'
        b'"trial":3,"rung":1,"epochs":2,"accuracy":0.5,"loss":1.25'
    )
    assert path.read_bytes() == body + b',"chain":"%s"}\n' % link(START_OF_CHAIN, body).encode()


def test_an_event_is_fsynced_before_it_is_acknowledged(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bytes] = []
    real = os.fsync

    def spy(descriptor: int) -> None:
        real(descriptor)
        synced.append(path.read_bytes())

    with Ledger.create(path) as ledger:
        monkeypatch.setattr(os, "fsync", spy)
        event = note(ledger, "go")
        assert synced == [encode(event)]


def test_creation_syncs_the_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders: list[bool] = []
    real = os.fsync

    def spy(descriptor: int) -> None:
        real(descriptor)
        folders.append(os.path.samestat(os.fstat(descriptor), path.parent.stat()))

    monkeypatch.setattr(os, "fsync", spy)
    Ledger.create(path).close()
    assert folders == [True]


def test_opening_continues_where_it_ended(path: Path) -> None:
    with Ledger.create(path) as ledger:
        note(ledger, "one")
    with Ledger.open(path) as ledger:
        assert [event.seq for event in ledger.events] == [1]
        assert note(ledger, "two").seq == 2
    assert words(path) == ["one", "two"]


def test_nothing_is_overwritten(path: Path) -> None:
    Ledger.create(path).close()
    with pytest.raises(LedgerExistsError, match="never overwritten"):
        Ledger.create(path)
    Ledger.open(path).close()


def test_a_missing_ledger_is_reported(path: Path) -> None:
    for read in (Ledger.open, read_ledger, repair):
        with pytest.raises(LedgerMissingError, match="no ledger at"):
            read(path)


def test_a_second_writer_is_refused_by_name(path: Path) -> None:
    with Ledger.create(path):
        with pytest.raises(LockedError, match=f"process {os.getpid()} on"):
            Ledger.open(path)
        with pytest.raises(LockedError):
            repair(path)
    Ledger.open(path).close()


def test_a_holder_that_has_ended_is_told_as_that(path: Path) -> None:
    """Something that it left still holds the lock: no advice about the process helps."""
    Ledger.create(path).close()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with lock_path(path).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write(f"process {ended.pid} on {socket.gethostname()}")
        held.flush()
        with pytest.raises(LockedError, match=f"begun by process {ended.pid} on .*, which has ended"):
            Ledger.open(path)


def test_reading_does_not_free_the_lock(path: Path) -> None:
    with Ledger.create(path) as ledger:
        note(ledger, "one")
        read_ledger(path)
        with pytest.raises(LockedError):
            Ledger.open(path)


def test_a_refused_open_frees_the_lock(path: Path) -> None:
    path.write_bytes(b"not a ledger\n")
    for _ in range(2):
        with pytest.raises(CorruptLedgerError):
            Ledger.open(path)


def test_a_closed_ledger_accepts_no_events(path: Path) -> None:
    ledger = Ledger.create(path)
    ledger.close()
    ledger.close()
    with pytest.raises(LedgerWriteError, match="is closed"):
        note(ledger, "late")


def test_threads_append_whole_lines_in_order(path: Path) -> None:
    heard: list[int] = []
    with Ledger.create(path) as ledger, ThreadPoolExecutor(8) as pool:
        ledger.subscribe(lambda event: heard.append(event.seq))
        start = threading.Barrier(8)

        def work(name: int) -> None:
            start.wait()
            for index in range(20):
                note(ledger, f"{name}.{index}")

        list(pool.map(work, range(8)))
    assert sorted(words(path)) == sorted(f"{name}.{index}" for name in range(8) for index in range(20))
    assert heard == list(range(1, 161))


def test_listeners_receive_only_what_is_on_the_disk(path: Path) -> None:
    seen: list[list[str]] = []
    with Ledger.create(path) as ledger:
        ledger.subscribe(lambda event: seen.append(words(path)))
        note(ledger, "one")
        note(ledger, "two")
    assert seen == [["one"], ["one", "two"]]


@pytest.mark.parametrize("broken", ["write", "short", "fsync"])
def test_a_full_disk_keeps_what_was_acknowledged(path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    real_write = os.write

    def refuse(*args: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def short(descriptor: int, line: bytes) -> int:
        return real_write(descriptor, line[:10])

    with Ledger.create(path) as ledger:
        note(ledger, "one")
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync" if broken == "fsync" else "write", short if broken == "short" else refuse)
            with pytest.raises(LedgerWriteError, match="Event 2 could not be written"):
                note(ledger, "two")
        with pytest.raises(LedgerWriteError, match="an earlier write failed"):
            note(ledger, "three")
        assert len(ledger.events) == 1
    assert words(path) == ["one"]
    with Ledger.open(path) as ledger:
        assert note(ledger, "two again").seq == 2


@pytest.fixture
def three(path: Path) -> Path:
    with Ledger.create(path) as ledger:
        for word in ("one", "two", "three"):
            note(ledger, word)
    return path


def test_every_incomplete_last_line_is_reported_and_repaired(three: Path) -> None:
    content = three.read_bytes()
    last = content.rindex(b"\n", 0, -1) + 1
    for end in range(last + 1, len(content) - 1):
        three.write_bytes(content[:end])
        with pytest.raises(HalfWrittenLedgerError, match=r"Line 3 of .*resume 20261121-104233-tiny --repair") as caught:
            read_ledger(three)
        assert caught.value.line == 3
        done = repair(three)
        assert (done.events, done.cut, done.completed) == (2, end - last, False)
        assert done.copy is not None
        assert done.copy.read_bytes() == content[last:end]
        done.copy.unlink()
        assert words(three) == ["one", "two"]


def test_a_last_line_without_its_end_only_is_kept(three: Path) -> None:
    content = three.read_bytes()
    three.write_bytes(content[:-1])
    with pytest.raises(HalfWrittenLedgerError):
        read_ledger(three)
    assert repair(three).completed
    assert three.read_bytes() == content


def test_two_repairs_keep_two_copies(three: Path) -> None:
    whole = three.read_bytes()
    copies = set()
    for torn in (b'{"seq":4', b'{"seq":4,"ti'):
        three.write_bytes(whole + torn)
        done = repair(three)
        assert done.copy is not None
        copies.add((done.copy.name, done.copy.read_bytes()))
    assert copies == {("ledger.jsonl.torn-4", b'{"seq":4'), ("ledger.jsonl.torn-4-2", b'{"seq":4,"ti')}


def test_a_whole_ledger_needs_no_repair(three: Path) -> None:
    content = three.read_bytes()
    done = repair(three)
    assert (done.events, done.cut, done.completed, done.copy) == (3, 0, False, None)
    assert three.read_bytes() == content


@pytest.mark.parametrize(
    ("damage", "line", "reason"),
    [
        (lambda lines: [lines[0], lines[2]], 2, "numbered 3 where 2 is expected"),
        (lambda lines: [lines[0], lines[0], lines[1], lines[2]], 2, "numbered 1 where 2 is expected"),
        (lambda lines: [lines[0][:-5], lines[1], lines[2]], 1, "not JSON"),
        (lambda lines: [lines[0], b"", lines[1], lines[2]], 2, "not JSON"),
        (lambda lines: [lines[0], b"[1]", lines[2]], 2, "a JSON list"),
        (lambda lines: [lines[0], b"[" * 100_000, lines[2]], 2, "not JSON"),
        (lambda lines: [b"\xff" + lines[0], lines[1], lines[2]], 1, "not JSON"),
        (lambda lines: [lines[0].replace(b"interrupted", b"whim", 1), lines[1], lines[2]], 1, "'whim'"),
        (lambda lines: [lines[0].replace(b'"one"', b"7"), lines[1], lines[2]], 1, "reason"),
        (lambda lines: [lines[0].replace(b'Z","kind"', b'","kind"'), lines[1], lines[2]], 1, "no zone"),
        (lambda lines: [lines[0].replace(b"time", b"tide"), lines[1], lines[2]], 1, "time or kind is invalid"),
        (lambda lines: [lines[0], lines[1], b"\0\0\0"], 3, "not JSON"),
    ],
)
def test_damage_elsewhere_is_refused_and_never_repaired(three: Path, damage: object, line: int, reason: str) -> None:
    lines = three.read_bytes().splitlines()
    damaged = b"\n".join(damage(lines)) + b"\n"  # type: ignore[operator]
    for torn in (b"", b'{"seq'):
        three.write_bytes(damaged + torn)
        for act in (read_ledger, repair):
            with pytest.raises(CorruptLedgerError, match=reason) as caught:
                act(three)
            assert caught.value.line == line
        assert three.read_bytes() == damaged + torn


def test_times_are_utc_and_sort_as_text() -> None:
    east = datetime(2026, 11, 21, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    assert format_time(east) == "2026-11-21T10:00:00.000000Z"
    assert format_time(east) < format_time(east + timedelta(microseconds=1))


text = st.text(st.characters(), max_size=40)  # lone surrogates included
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)


@given(words=st.lists(st.tuples(st.sampled_from(DecisionKind), text), max_size=5))
def test_any_text_comes_back(words: list[tuple[DecisionKind, str]]) -> None:
    events = numbered(Decision(decision=decision, reason=reason) for decision, reason in words)
    lines = [encode(event) for event in events]
    assert all(line.isascii() and line.count(b"\n") == 1 for line in lines)
    assert tuple(decode(line, seq) for seq, line in enumerate(lines, start=1)) == events


@given(config=st.dictionaries(text, json_values, max_size=4))
def test_any_json_comes_back(config: dict[str, object]) -> None:
    fields = run_started().model_dump(by_alias=True)
    started = RunStarted.model_validate({**fields, "config": config})
    (event,) = numbered([started])
    assert decode(encode(event), 1) == event
    json.loads(encode(event), parse_constant=pytest.fail)


@given(accuracy=st.floats(0, 1), loss=st.floats())
def test_any_loss_comes_back(accuracy: float, loss: float) -> None:
    (event,) = numbered([Rung(trial=0, rung=0, epochs=0, accuracy=accuracy, loss=loss)])
    assert repr(decode(encode(event), 1)) == repr(event)


def test_errors_survive_pickling() -> None:
    problems = [
        HalfWrittenLedgerError("p", 3, "r"),
        CorruptLedgerError("p", 3, "bad"),
        LockedError("p", "process 1"),
        OtherPlanError("p", ("a (4)",), ("a (4)", "b (4)"), "1.0"),
        LedgerWriteError("p", 1, "full"),
        PayloadError("rung", "trial: bad"),
    ]
    for problem in problems:
        copy = pickle.loads(pickle.dumps(problem))  # noqa: S301 - our own bytes
        assert (type(copy), str(copy), vars(copy)) == (type(problem), str(problem), vars(problem))


def test_a_moment_may_be_seconds_since_the_epoch(path: Path) -> None:
    with Ledger.create(path) as ledger:
        event = ledger.append(EventKind.TRIAL_STARTED, trial=0, actor="a", pid=1, started=START.timestamp())
    assert event.payload.started == START  # type: ignore[attr-defined]
    assert START.tzinfo is UTC
