"""Tests of atomic files."""

import os
from pathlib import Path

import pytest

from ground.files import file_hash, folder_replaced, replaced, write_whole
from tests.synced import needs_names, note_syncs


def test_a_file_takes_the_place_of_another_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "made" / "file.json"
    write_whole(path, "old")
    with replaced(path, durable=True) as draft:
        draft.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, "old")

    def fail_half_way() -> None:
        with replaced(path) as draft:
            draft.write_text("ne")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way()
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("file", "old")]


def test_two_writers_at_once_have_a_draft_each(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with replaced(path) as one, replaced(path) as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one"  # the last to end


def test_others_may_read_it_as_any_new_file(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_whole(tmp_path / "file", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        write_whole(tmp_path / "file" / "below", "text")


def test_the_hash_is_sha256_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")  # the first example of FIPS 180-2
    assert file_hash(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@needs_names
def test_content_is_on_the_disk_before_its_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = note_syncs(monkeypatch)
    write_whole(tmp_path / "file", "text", durable=True)
    assert [name for name in synced if not name.endswith(".draft")] == ["-> file", tmp_path.name]
    assert synced[0].startswith(".file-"), "the draft"
    synced.clear()
    with folder_replaced(tmp_path / "folder") as draft:
        (draft / "one").write_text("1")
        (draft / "below").mkdir()
        (draft / "below" / "two").write_text("2")
    assert sorted(synced[:2]) == ["one", "two"]
    assert synced[2:] == [synced[2], "-> folder", tmp_path.name]
    assert synced[2].startswith(".folder-")


@pytest.mark.parametrize("before", ["nothing", "folder", "file"])
def test_a_folder_takes_the_place_of_what_was_there(tmp_path: Path, before: str) -> None:
    path = tmp_path / "folder"
    if before == "folder":
        path.mkdir()
        (path / "old").write_text("old")
    elif before == "file":
        path.write_text("old")
    (tmp_path / ".folder-77-deadbeef.draft").mkdir()
    (tmp_path / ".folder-78-deadbeef.draft").write_text("left by one that was killed")
    with folder_replaced(path) as draft:
        (draft / "new").write_text("new")
    assert [entry.name for entry in path.iterdir()] == ["new"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_a_failure_leaves_the_old_folder(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()

    def fail_half_way() -> None:
        with folder_replaced(path) as draft:
            (draft / "new").write_text("new")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way()
    assert list(tmp_path.iterdir()) == [path]
    assert not list(path.iterdir())
