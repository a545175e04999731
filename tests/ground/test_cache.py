"""Tests of the cache folder."""

from pathlib import Path

import pytest

from ground.cache import cache_folder, content_key, locked, locked_if_usable, warn_unusable
from ground.files import folder_replaced


def test_folder_asked_for_comes_first(tmp_path: Path) -> None:
    environment = {"ESPALIER_CACHE_DIR": "/e", "XDG_CACHE_HOME": "/x"}
    assert cache_folder(tmp_path, environment) == tmp_path
    assert cache_folder(None, environment) == Path("/e")
    assert cache_folder(None, {"XDG_CACHE_HOME": "/x"}) == Path("/x/espalier")
    assert cache_folder(None, {}) == Path.home() / ".cache" / "espalier"


def test_key_ignores_order_and_sees_values() -> None:
    assert content_key({"a": 1, "b": [2]}) == content_key({"b": [2], "a": 1})
    assert content_key({"a": 1}) != content_key({"a": 2})


def test_an_entry_appears_whole(tmp_path: Path) -> None:
    entry = tmp_path / "kind" / "entry"
    with locked(entry), folder_replaced(entry) as draft:
        (draft / "one").write_text("1")
        assert not entry.exists()
    assert (entry / "one").read_text() == "1"


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    entry = tmp_path / "entry"

    def fail_half_way() -> None:
        with locked(entry), folder_replaced(entry) as draft:
            (draft / "one").write_text("1")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way()
    assert [path.name for path in tmp_path.iterdir()] == ["entry.lock"]


def test_an_entry_is_replaced(tmp_path: Path) -> None:
    entry = tmp_path / "entry"
    for content in ("old", "new"):
        with locked(entry), folder_replaced(entry) as draft:
            (draft / content).write_text(content)
    assert [path.name for path in entry.iterdir()] == ["new"]


def test_without_a_home_it_is_a_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    assert cache_folder(None, {}).name.startswith("espalier-")


def test_a_cache_that_can_be_used_is_locked(tmp_path: Path) -> None:
    with locked_if_usable(tmp_path / "kind" / "entry") as may_write:
        assert may_write
        assert (tmp_path / "kind" / "entry.lock").exists()


@pytest.mark.parametrize("kind", ["file", "folder of no one", "denied"])
def test_one_that_cannot_is_done_without_and_said_once(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file")
    folder = {"file": tmp_path / "cache", "folder of no one": Path("/proc/espalier"), "denied": tmp_path / "d"}[kind]
    if kind == "denied":

        def denied(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "mkdir", denied)
    for _ in range(2):
        with locked_if_usable(folder / "entry") as may_write:
            assert not may_write
    assert caplog.text.count(f"the cache folder {folder} cannot be used (") == 1
    warn_unusable(folder, OSError("again"))
    assert caplog.text.count("cannot be used") == 1


def test_an_error_within_the_lock_is_not_taken_for_one_of_the_cache(tmp_path: Path) -> None:
    def fail() -> None:
        with locked_if_usable(tmp_path / "entry"):
            raise PermissionError("of the work")

    with pytest.raises(PermissionError, match="of the work"):
        fail()
