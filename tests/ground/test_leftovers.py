"""Drafts of killed processes in the cache."""

import os
from pathlib import Path

import pytest

from ground.files import folder_replaced, replaced
from ground.leftovers import sweep_drafts
from search.setup.caching import tidy_cache


class Killed(BaseException):
    """Stands for SIGKILL, after which no `finally` runs."""


def left_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process leaves that is killed while it writes a folder and a file."""
    with monkeypatch.context() as patch:
        patch.setattr("ground.files._remove", lambda _: None)
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        for write in (folder_replaced, replaced):
            with pytest.raises(Killed), write(folder / "entry"):
                raise Killed


def test_old_drafts_are_removed_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = tmp_path / "base"
    left_behind(base, monkeypatch)
    for name in (".hidden", "entry", "entry.lock"):
        (base / name).touch()
    drafts = [path for path in base.iterdir() if path.name.startswith(".entry-")]
    assert len(drafts) == 2
    sweep_drafts(tmp_path)
    assert all(path.exists() for path in drafts), "they may be another process's"
    for path in base.iterdir():
        os.utime(path, (0, 0))
    sweep_drafts(tmp_path)
    assert sorted(path.name for path in base.iterdir()) == [".hidden", "entry", "entry.lock"]


@pytest.mark.parametrize("place", ["/dev/null/cache", "/proc/cache", "~nobody-by-that-name/cache"])
def test_a_cache_that_cannot_be_used_is_left_alone(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv("ESPALIER_CACHE_DIR", place)
    tidy_cache()
