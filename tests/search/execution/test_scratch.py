"""Ray's folders: closed to others, gone with their owner, and short enough for sockets."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from search.errors import ResourceError
from search.execution import scratch
from search.execution.scratch import BELOW, OWNER, SOCKET_BYTES, private_folder, scratch_root, sweep

CHILD = """
import os, pathlib, sys
from search.execution import scratch
scratch.scratch_root = lambda: pathlib.Path(sys.argv[2])
with scratch.private_folder() as folder:
    (folder / "logs").write_text("x")
    if sys.argv[1] == "fork":
        ready, tell = os.pipe()
        if os.fork() == 0:
            os.write(tell, b"x")  # on a busy machine this process may first run when the other has died
            sys.stdin.read()
            os._exit(0)
        os.read(ready, 1)
    print(folder, flush=True)
    os._exit(9) if sys.argv[1] in ("die", "fork") else sys.stdin.read()
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(scratch, "scratch_root", lambda: tmp_path)
    return tmp_path


def in_another_process(root: Path, what: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, what, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )


def test_it_is_closed_to_others_and_removed(root: Path) -> None:
    with private_folder() as folder:
        assert folder.parent == root
        assert folder.stat().st_mode & 0o777 == 0o700
    assert list(root.iterdir()) == []


def test_one_of_a_dead_process_is_removed_by_the_next(root: Path) -> None:
    process = in_another_process(root, "die")
    left = Path(process.communicate()[0].strip())
    assert (left / "logs").is_file()
    with private_folder() as folder:
        assert list(root.iterdir()) == [folder]


def test_a_process_that_it_forked_keeps_none(root: Path) -> None:
    process = in_another_process(root, "fork")
    assert process.stdout is not None
    left = Path(process.stdout.readline().strip())
    process.wait()
    assert (left / "logs").is_file()
    sweep(root)
    assert list(root.iterdir()) == []
    process.communicate()


def test_one_of_a_living_process_stays(root: Path) -> None:
    process = in_another_process(root, "wait")
    assert process.stdout is not None
    other = Path(process.stdout.readline().strip())
    with private_folder() as folder:
        assert sorted(root.iterdir()) == sorted([folder, other])
    process.kill()
    process.communicate()
    sweep(root)
    assert list(root.iterdir()) == []


def test_what_is_not_ours_stays(root: Path) -> None:
    (root / "espalier-abcdefgh").mkdir()
    (root / "espalier-abcdefgh" / "thesis.tex").write_text("x")
    (root / "espalier-12345678").mkdir()
    (root / "espalier-backup-of-mine").mkdir()
    (root / "espalier-linked00").symlink_to(root / "espalier-abcdefgh")
    (root / "espalier-backup-of-mine" / OWNER).touch()
    for folder in root.iterdir():
        if not folder.is_symlink():
            os.utime(folder, (0, 0))
    os.utime(root / "espalier-12345678")
    before = sorted(root.iterdir())
    sweep(root)
    assert sorted(root.iterdir()) == before
    os.utime(root / "espalier-12345678", (0, 0))
    sweep(root)
    assert root / "espalier-12345678" not in root.iterdir(), "empty and old: its owner died before it could lock it"


def test_a_long_folder_for_temporary_files_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("x" * 60)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    root = scratch_root()
    assert root != long
    assert len(os.fsencode(root)) + BELOW <= SOCKET_BYTES


def test_without_any_place_it_is_one_paragraph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "_candidates", lambda: (tmp_path / ("x" * 200), Path("/nowhere")))
    with pytest.raises(ResourceError, match=r"at most 2\d bytes.*TMPDIR.*--executor local"):
        scratch_root()
