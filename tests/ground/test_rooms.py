"""Our packages are found, and a user's of the same names are told, wherever each of them stands."""

import sys
import tomllib
from pathlib import Path

import pytest

from ground import rooms
from ground.rooms import HOME, ROOMS, come_first, namesakes, refuse_namesakes, taken


@pytest.fixture
def project(tmp_path: Path) -> str:
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "__init__.py").touch()
    (tmp_path / "tracking.py").touch()
    return str(tmp_path)


def test_the_names_are_those_that_the_wheel_installs() -> None:
    made = tomllib.loads((HOME / "pyproject.toml").read_text())["tool"]["setuptools"]
    installed = {name.rstrip("*") for name in made["packages"]["find"]["include"]} | set(made["py-modules"])
    assert set(ROOMS) == installed


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["/bin", "PROJECT", "HOME"], ["/bin", "HOME", "PROJECT", "HOME"]),
        (["/bin", "PROJECT"], ["/bin", "HOME", "PROJECT"]),
        (["HOME", "PROJECT"], ["HOME", "PROJECT"]),
        (["/bin", "/lib"], ["/bin", "/lib"]),
    ],
    ids=["the wheel", "an editable installation", "a checkout", "no namesake"],
)
def test_we_come_ahead_of_a_namesake_and_nothing_else_moves(before: list[str], after: list[str], project: str) -> None:
    folders = {"PROJECT": project, "HOME": str(HOME)}
    path = [folders.get(entry, entry) for entry in before]
    come_first(path)
    assert path == [folders.get(entry, entry) for entry in after]


def test_a_module_of_the_users_with_our_name_is_told(project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert taken("search") is None, "there is no other"
    monkeypatch.setattr(sys, "path", [*sys.path, project])
    assert namesakes(sys.path) == [project]
    assert f"'search' is a package of Espalier's own, and the one in {project}" in str(taken("search.nets"))
    assert taken("searching") is None
    assert taken("pruning") is None, "theirs has another name"


def test_a_program_beside_namesakes_is_refused_unless_ours_are_found(
    project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(HOME), project])
    refuse_namesakes()
    monkeypatch.setattr(sys, "path", [project, str(HOME)])
    with pytest.raises(ImportError, match=r"\(tracking, search\) and are found first.*Rename them"):
        refuse_namesakes()


def test_a_folder_without_code_is_in_the_way_of_an_editable_installation_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tracking").mkdir()
    monkeypatch.setattr(rooms, "HOME", tmp_path / "elsewhere")
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "elsewhere")])
    refuse_namesakes()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(ImportError, match=r"\(tracking\)"):
        refuse_namesakes()
