"""Documents from the disk: relative paths, what is left out by name, and what is refused."""

from pathlib import Path

import pytest

from ablations.code.source import reading
from ablations.code.source.errors import DocumentError
from ablations.code.source.reading import read_documents, read_text


def tree(folder: Path) -> Path:
    """A folder with everything in it."""
    for name, text in {"src/a.py": "a", "src/sub/b.md": "b", "src/data.bin": "", "src/.git/c.py": "c"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "src" / "__pycache__").mkdir()
    (folder / "src" / "__pycache__" / "d.py").write_text("d")
    return folder / "src"


def test_paths_are_relative_and_what_is_left_out_is_named(tmp_path: Path) -> None:
    found = read_documents([tree(tmp_path)], base=tmp_path)
    assert dict(found.texts) == {"src/a.py": "a", "src/sub/b.md": "b"}
    assert [(skip.path, skip.reason) for skip in found.skipped] == [("src/data.bin", "not supported: .bin")]


def test_documents_elsewhere_are_relative_to_their_parent(tmp_path: Path) -> None:
    source = tree(tmp_path)
    (tmp_path / "here").mkdir()
    found = read_documents([source, source / "a.py"], base=tmp_path / "here")
    assert set(found.texts) == {"src/a.py", "src/sub/b.md", "a.py"}


def test_two_documents_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text(folder)
    (tmp_path / "here").mkdir()
    with pytest.raises(DocumentError, match=r"would be called 'a\.py'"):
        read_documents([tmp_path / "one" / "a.py", tmp_path / "two" / "a.py"], base=tmp_path / "here")


def test_a_link_out_of_the_folder_is_left_out_by_name(tmp_path: Path) -> None:
    source = tree(tmp_path)
    (tmp_path / "secret.txt").write_text("secret")
    (source / "link.txt").symlink_to(tmp_path / "secret.txt")
    found = read_documents([source], base=tmp_path)
    assert "src/link.txt" not in found.texts
    assert ("src/link.txt", "a link that leads out of the folder") in [(s.path, s.reason) for s in found.skipped]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.bin", b"x", "is no document"),
        ("a.py", b"\xff\xfe", "is no text in UTF-8 (at byte 0)"),
        ("missing.py", None, "There is no file or folder"),
    ],
)
def test_a_file_that_is_named_itself_and_cannot_be_used_is_an_error(
    tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DocumentError) as caught:
        read_documents([tmp_path / name], base=tmp_path)
    assert words in str(caught.value)


def test_nothing_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.py").write_text("x" * 101)
    (tmp_path / "b.py").write_text("y" * 100)
    monkeypatch.setattr(reading, "LARGEST_BYTES", 100)
    with pytest.raises(DocumentError, match=r"has 101 bytes, and 100 are the most"):
        read_text(tmp_path / "a.py")
    assert read_text(tmp_path / "b.py") == "y" * 100
    monkeypatch.setattr(reading, "LARGEST_BYTES", 200)
    monkeypatch.setattr(reading, "LARGEST_TOTAL_BYTES", 200)
    with pytest.raises(DocumentError, match=r"201 bytes together, and 200 are the most"):
        read_documents([tmp_path / "a.py", tmp_path / "b.py"], base=tmp_path)


def test_an_empty_folder_and_no_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="There is no document in"):
        read_documents([tmp_path], base=tmp_path)
    with pytest.raises(DocumentError, match="with -d"):
        read_documents([])
