"""A terminal that speaks ASCII only, a reader that leaves, a disk that is full: the run goes on."""

import errno
import io
import os
import sys
from pathlib import Path
from typing import IO, Any, cast

import pytest
from rich.live import Live

from cli.console import PlainConsole, console, say, show_table
from cli.main import main
from cli.screen import Screen
from search.execution.local import LocalExecutor
from search.launching import Quiet
from tests.cli.alone import search_alone
from tracking.kinds import RunStatus


class Broken(io.StringIO):
    """A stream whose reader leaves after so many writes."""

    def __init__(self, writes: int, error: type[Exception] | OSError = BrokenPipeError) -> None:
        super().__init__()
        self.left, self.error = writes, error

    def write(self, text: str) -> int:
        self.left -= 1
        if self.left < 0:
            raise self.error
        return super().write(text)


@pytest.fixture(autouse=True)
def _fresh_consoles() -> None:
    console.cache_clear()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_letters_that_an_encoding_lacks_are_replaced(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    say("10 % · 3×3 – done")
    show_table("Ä", ("a", "ö"), [("1", "2 ± 3")], text=("ö",))
    stream.flush()
    told = stream.buffer.getvalue()
    assert b"10 % " in told
    assert b" done" in told


@pytest.mark.parametrize(
    "error",
    [BrokenPipeError, OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EIO, "gone"), ValueError],
)
def test_a_stream_that_fails_falls_silent(monkeypatch: pytest.MonkeyPatch, error: type[Exception] | OSError) -> None:
    stream = Broken(1, error)
    monkeypatch.setattr(sys, "stdout", stream)
    for _ in range(3):
        say("a line")
    assert stream.getvalue() == "a line\n"


def test_without_any_stream_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    say("a line")
    screen = Screen("stdout")
    assert not screen.isatty()
    screen.flush()


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_line_is_printed_once_while_something_live_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich's proxy of the stream prints through the console: without end, and for ever with its refreshing thread."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    shown = PlainConsole(file=cast(IO[str], Screen("stdout")), force_terminal=True)
    with Live("live", console=shown, auto_refresh=False, transient=True):
        assert sys.stdout is not terminal, "rich has put its proxy there"
        shown.print("a line")
    assert terminal.getvalue().count("a line") == 1


@pytest.mark.parametrize("writes", [0, 1, 4])
def test_a_search_goes_on_when_its_reader_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int) -> None:
    monkeypatch.setattr(LocalExecutor, "run_trials", _not_at_all)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Broken(writes))
        patch.setattr(os, "dup2", lambda *_: None)
        patch.chdir(tmp_path)
        # The end is a failure of the search itself, which was reached.
        assert main(["--trials", "1", "--executor", "local", "--no-mlflow"]) == 2


def _not_at_all(*_: object) -> None:
    return


class Faulty:
    """A listener that fails at everything."""

    def __init__(self) -> None:
        self.heard = 0

    def _fail(self, *_: Any) -> None:
        self.heard += 1
        raise UnicodeEncodeError("ascii", "·", 0, 1, "ordinal not in range(128)")

    remember = event = base_epoch = finetune_progress = _fail


def test_a_listener_that_fails_is_logged_once_and_hears_no_more(caplog: pytest.LogCaptureFixture) -> None:
    faulty = Faulty()
    quiet = Quiet(faulty)
    quiet.remember(())
    for _ in range(3):
        quiet.event(None)  # type: ignore[arg-type]
        quiet.base_epoch(None, 3)  # type: ignore[arg-type]
    assert faulty.heard == 1
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "Faulty failed and shows nothing more; the run goes on" in caplog.text


@pytest.mark.slow
def test_a_view_that_fails_at_every_event_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the view is broken")

    monkeypatch.setattr("cli.progress.ProgressView.event", fail)
    done = search_alone(tmp_path, "--trials", "2", "--no-mlflow")
    assert done.summary.status is RunStatus.INTERRUPTED
    assert done.summary.winner is not None
