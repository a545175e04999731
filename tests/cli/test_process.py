"""What the command does to its process, and what the machine refuses."""

import errno
import os
import threading
from unittest.mock import patch

import pytest

from cli import lazy, logs
from cli.errors import AGAIN, Interrupted, run_guarded
from cli.main import main


def test_loopback_is_never_proxied(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow's client reads the variables at each request."""
    monkeypatch.setenv("no_proxy", ".lan")
    monkeypatch.setenv("NO_PROXY", "")
    for _ in range(2):
        assert main(["--trials=0"]) == 2
    assert os.environ["no_proxy"] == ".lan,localhost,127.0.0.1,::1"
    assert os.environ["NO_PROXY"] == "localhost,127.0.0.1,::1"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "runs/a"), ("'runs/a'", "No space left", "Free some space")),
        (OSError(errno.ENOSPC, "No space left on device"), ("The system", "No space left")),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "a/b"), ("'a/b'", "is a file")),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), ("'/x'", "permissions")),
        (OSError(errno.ENAMETOOLONG, "File name too long", "x" * 5000), ("too long", "shorter", "…")),
        (MemoryError(), ("not enough memory", "batch size")),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate"), ("Lower the batch size",)),
    ],
)
def test_what_the_machine_refuses_is_one_paragraph(
    capsys: pytest.CaptureFixture[str], error: Exception, words: tuple[str, ...]
) -> None:
    def fail() -> int:
        raise error

    assert run_guarded(fail, debug=False) == 2
    text = capsys.readouterr().err
    assert text.startswith("Error: ")
    assert text.count("\n") == 1
    assert all(word in text for word in words)
    assert len(text) < 1500


@pytest.mark.parametrize("error", [RuntimeError("x"), OSError(errno.EBADF, "Bad file descriptor"), KeyError("x")])
def test_a_bug_is_told_as_one(capsys: pytest.CaptureFixture[str], error: Exception) -> None:
    def fail() -> int:
        raise error

    assert run_guarded(fail, debug=False) == 1
    assert "This is a fault of Espalier" in capsys.readouterr().err


def test_an_interrupt_is_told_in_a_paragraph(capsys: pytest.CaptureFixture[str]) -> None:
    """Typer makes an exit code of it, without a word; outside of Typer it would be a traceback."""

    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(Interrupted) as told:
        lazy._with_paths_expanded(interrupted)()
    for raised in (told.value, KeyboardInterrupt()):
        with patch("cli.main._run", side_effect=raised):
            assert main([]) == 130
        assert capsys.readouterr().err == f"Interrupted. {AGAIN}\n"


def test_a_thread_that_leaves_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Those that wait for Ray leave so where its session ends."""
    logs.install()
    for error, told in ((SystemExit(0), ""), (KeyError("x"), "KeyError: 'x'")):
        threading.excepthook(threading.ExceptHookArgs((type(error), error, None, None)))
        assert told in capsys.readouterr().err if told else not capsys.readouterr().err
