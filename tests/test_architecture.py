"""Holds ARCHITECTURE.md's picture of the rooms against the code: who may import whom, and what stays outside."""

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
BESIDE_THE_ROOMS = frozenset({"tests", "benchmarks", "docs"})

# Third-party packages that a room must not know of. A file named after the colon is the one exception.
_VENDORS = ("anthropic", "openai")
BANNED: Mapping[str, tuple[str, ...]] = {
    "pruning": ("ray", "mlflow", "optuna", "torch_pruning", "fvcore: pruning/counter.py", *_VENDORS),
    "llm_clients": ("ray", "mlflow", "torch", "torchvision", "timm", "optuna", "fvcore", "torch_pruning"),
    "tracking": ("ray", "torch", "torchvision", "timm", "optuna", "fvcore", "torch_pruning", *_VENDORS),
    "trainers": ("ray: trainers/finetune.py", "mlflow", "optuna", "fvcore", "torch_pruning", *_VENDORS),
    "search": ("mlflow", "fvcore", "torch_pruning", *_VENDORS),
    "ablations": ("mlflow", "fvcore", "torch_pruning", *_VENDORS),
    "cli": ("torch_pruning", "fvcore", *_VENDORS),
}

Picture = Mapping[str, frozenset[str]]


class Import(NamedTuple):
    """One import statement: the top-level package it names, and where it stands."""

    package: str
    file: str
    line: int


def read_picture(document: str) -> Picture:
    """The rooms of the fenced block ```rooms: what each may import of ours."""
    _, fence, rest = document.partition("```rooms\n")
    assert fence, "ARCHITECTURE.md has no ```rooms block"
    lines = [line for line in rest.partition("```")[0].splitlines() if line.strip()]
    picture = {}
    for line in lines:
        room, colon, allowed = line.partition(":")
        assert colon, f"not a line of the form 'room: allowed, allowed': {line!r}"
        picture[room.strip()] = frozenset(name.strip() for name in allowed.split(",") if name.strip())
    return picture


def rooms_of(root: Path) -> frozenset[str]:
    """Every top-level folder that holds Python, and every top-level module."""
    folders = (path for path in root.iterdir() if path.is_dir() and path.name[0] != "." and any(path.rglob("*.py")))
    names = {path.name for path in folders if path.name.isidentifier()} - BESIDE_THE_ROOMS
    return frozenset(names | {path.stem for path in root.glob("*.py")})


def imports_of(root: Path, room: str) -> Iterator[Import]:
    """Every import of a room: at the top, inside functions, under TYPE_CHECKING, and by importlib with a literal."""
    files = [root / f"{room}.py"] if (root / f"{room}.py").is_file() else sorted((root / room).rglob("*.py"))
    for path in files:
        file = path.relative_to(root).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=file)):
            yield from (Import(package, file, node.lineno) for package in _packages(node))  # type: ignore[attr-defined]


def _packages(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (alias.name.partition(".")[0] for alias in names)
        case ast.ImportFrom(module=str() as module, level=0):
            yield module.partition(".")[0]
        case ast.ImportFrom():
            yield "."
        case ast.Call(func=function, args=[ast.Constant(value=str() as name), *_]):
            called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if called in {"import_module", "__import__"}:
                yield name.partition(".")[0]


def faults(root: Path, picture: Picture) -> list[str]:
    """Everything in which the code is not as the picture shows it."""
    rooms = rooms_of(root)
    found = [f"{room} is not in ARCHITECTURE.md" for room in sorted(rooms - picture.keys())]
    found += [f"ARCHITECTURE.md shows {room}, which is not there" for room in sorted(picture.keys() - rooms)]
    for room in sorted(rooms & picture.keys()):
        for seen in imports_of(root, room):
            fault = _fault(room, seen, picture)
            if fault:
                found.append(f"{seen.file}:{seen.line}: {fault}")
    return found


def _fault(room: str, seen: Import, picture: Picture) -> str | None:
    if seen.package == ".":
        return "a relative import"
    if seen.package in BESIDE_THE_ROOMS:
        return f"{room} must not import {seen.package}"
    if seen.package in picture and seen.package not in picture[room] | {room}:
        return f"{room} must not import {seen.package}"
    for ban in BANNED.get(room, ()):
        package, _, exception = ban.partition(": ")
        if seen.package == package and seen.file != exception:
            return f"{room} must know nothing of {package}"
    return None


@pytest.fixture(scope="module")
def picture() -> Picture:
    return read_picture((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))


def test_the_picture_is_true(picture: Picture) -> None:
    assert faults(ROOT, picture) == []


def test_floors_have_no_circle(picture: Picture) -> None:
    floors = dict(picture)
    while floors:
        lowest = [room for room, allowed in floors.items() if not allowed & floors.keys()]
        assert lowest, f"these rooms import each other in a circle: {sorted(floors)}"
        for room in lowest:
            del floors[room]


def test_every_room_has_its_bans(picture: Picture) -> None:
    assert set(BANNED) == {room for room in picture if (ROOT / room).is_dir()}


def test_no_room_hides_a_standard_or_third_party_module(picture: Picture) -> None:
    assert not set(picture) & set(sys.stdlib_module_names)


SMALL_PICTURE: Picture = read_picture("# House\n\n```rooms\npruning:\nsearch: pruning\nlaunch: search\n```\n")


@pytest.fixture
def small_house(tmp_path: Path) -> Path:
    for file, code in {
        "pruning/plan.py": "import torch\n",
        "search/run.py": "from pruning.plan import x\n",
        "launch.py": "import search.run\n",
        "tests/test_x.py": "import pruning, search\n",
        ".venv/lib/thing.py": "import pruning\n",
    }.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(code)
    return tmp_path


def test_a_true_picture_has_no_fault(small_house: Path) -> None:
    assert faults(small_house, SMALL_PICTURE) == []


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("import search\n", "pruning must not import search"),
        ("import os, search.run as run\n", "pruning must not import search"),
        ("def f():\n    from search import run\n", "pruning must not import search"),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import search.run\n",
            "pruning must not import search",
        ),
        ("class A:\n    try:\n        import search\n    except ImportError: ...\n", "pruning must not import search"),
        ("import importlib\nimportlib.import_module('search.run')\n", "pruning must not import search"),
        ("__import__('search')\n", "pruning must not import search"),
        ("from . import plan\n", "a relative import"),
        ("from tests import thing\n", "pruning must not import tests"),
        ("import ray.tune\n", "pruning must know nothing of ray"),
        ("def f():\n    import fvcore.nn\n", "pruning must know nothing of fvcore"),
    ],
)
def test_a_planted_import_is_caught(small_house: Path, code: str, fault: str) -> None:
    (small_house / "pruning" / "deep").mkdir()
    (small_house / "pruning" / "deep" / "bad.py").write_text(code)
    found = faults(small_house, SMALL_PICTURE)
    assert len(found) == 1
    assert found[0].startswith("pruning/deep/bad.py:")
    assert found[0].endswith(fault)


def test_the_one_excepted_file_may(small_house: Path) -> None:
    (small_house / "pruning" / "counter.py").write_text("def f():\n    import fvcore.nn\n")
    assert faults(small_house, SMALL_PICTURE) == []


def test_a_new_room_must_be_drawn(small_house: Path) -> None:
    (small_house / "agents").mkdir()
    (small_house / "agents" / "x.py").write_text("")
    assert faults(small_house, SMALL_PICTURE) == ["agents is not in ARCHITECTURE.md"]


def test_a_drawn_room_must_be_there(small_house: Path) -> None:
    assert faults(small_house, {**SMALL_PICTURE, "cellar": frozenset()}) == [
        "ARCHITECTURE.md shows cellar, which is not there"
    ]


def test_a_document_without_the_block_is_refused() -> None:
    with pytest.raises(AssertionError, match="no ```rooms block"):
        read_picture("# nothing here")
