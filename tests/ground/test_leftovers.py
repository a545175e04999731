"""Drafts of killed processes in the cache."""

import os
from pathlib import Path

import pytest

from ground.cache import published
from ground.files import replaced
from ground.leftovers import sweep_drafts
from search.errors import ConfigError
from search.setup.caching import check_cache


class Killed(BaseException):
    """Stands for SIGKILL, after which no `finally` runs."""


def left_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process leaves that is killed while it writes a folder and a file."""
    with monkeypatch.context() as patch:
        patch.setattr("ground.cache.shutil.rmtree", lambda *_, **__: None)
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        for write in (published, replaced):
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


@pytest.mark.parametrize("place", ["/dev/null/cache", "/proc/cache"])
def test_a_cache_that_cannot_be_written_is_one_paragraph(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv("ESPALIER_CACHE_DIR", place)
    with pytest.raises(ConfigError, match=r"cannot be written.*ESPALIER_CACHE_DIR"):
        check_cache()


def test_nor_is_a_home_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("ESPALIER_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(ConfigError, match="ESPALIER_CACHE_DIR"):
        check_cache()
