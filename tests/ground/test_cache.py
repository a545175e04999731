"""Tests of the cache folder."""

from pathlib import Path

import pytest

from ground.cache import cache_folder, content_key, locked, published


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
    with locked(entry), published(entry) as draft:
        (draft / "one").write_text("1")
        assert not entry.exists()
    assert (entry / "one").read_text() == "1"


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    entry = tmp_path / "entry"

    def fail_half_way() -> None:
        with locked(entry), published(entry) as draft:
            (draft / "one").write_text("1")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way()
    assert [path.name for path in tmp_path.iterdir()] == ["entry.lock"]


def test_an_entry_is_replaced(tmp_path: Path) -> None:
    entry = tmp_path / "entry"
    for content in ("old", "new"):
        with locked(entry), published(entry) as draft:
            (draft / content).write_text(content)
    assert [path.name for path in entry.iterdir()] == ["new"]
