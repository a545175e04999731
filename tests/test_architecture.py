"""Checks the code against the rooms of ARCHITECTURE.md: which room may import which, and which libraries."""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
BESIDE_THE_ROOMS = frozenset({"tests", "benchmarks", "docs"})

# Third-party packages that a room, and every room in it, must not import. After the colon: the files and folders that
# may do so.
_VENDORS = ("anthropic", "openai")
_SEARCH_TENSORS = (
    *("search/proposers/isomorphic.py", "search/setup/", "search/execution/", "search/scored/"),
    *("search/steps/evaluation.py", "search/run.py"),
)
BANNED: Mapping[str, tuple[str, ...]] = {
    "ground": ("ray", "mlflow", "torch", "torchvision", "timm", "optuna", "fvcore", "torch_pruning", *_VENDORS),
    "pruning": ("ray", "mlflow", "optuna", "torch_pruning", "fvcore: pruning/counter.py", *_VENDORS),
    "llm_clients": (
        *("ray", "mlflow", "torch", "torchvision", "timm", "optuna", "fvcore", "torch_pruning"),
        *(f"{vendor}: llm_clients/vendors/" for vendor in _VENDORS),
    ),
    "tracking": (
        *("ray", "torch", "torchvision", "timm", "optuna", "fvcore", "torch_pruning", *_VENDORS),
        "mlflow: tracking/mirror/",
    ),
    "trainers": (
        *("mlflow", "optuna", "fvcore", "torch_pruning", *_VENDORS),
        "ray: trainers/finetune.py, trainers/cluster/",
    ),
    "search": (
        *("mlflow", "torchvision", "timm", "fvcore", "torch_pruning", *_VENDORS),
        "ray: search/execution/",
        f"torch: {', '.join(_SEARCH_TENSORS)}",
        *(f"{library}: search/proposers/" for library in ("optuna", "cmaes")),
        *(f"{library}: search/outcome/" for library in ("matplotlib", "jinja2")),
    ),
    "sandbox": (
        *("ray", "mlflow", "torch", "torchvision", "timm", "optuna", "fvcore", "torch_pruning", *_VENDORS),
        *("numpy", "psutil", "pydantic: sandbox/result.py"),
    ),
    "ablations": ("ray: ablations/floor/execution/", "mlflow", "fvcore", "torch_pruning", *_VENDORS),
    "cli": ("torch_pruning", "fvcore", *_VENDORS),
    "espalier_command": ("ray", "mlflow", "torch", "timm", "optuna", *_VENDORS),
    "espalier": ("ray", "mlflow", "optuna", "torch_pruning", "fvcore", *_VENDORS),
}

Picture = Mapping[str, frozenset[str]]


class Module(NamedTuple):
    """A Python file: its dotted name, and its path from the root."""

    name: str
    file: str


class Import(NamedTuple):
    """One imported name, dotted, including the module that it comes from; "." for a relative import."""

    name: str
    file: str
    line: int


def read_picture(document: str) -> Picture:
    """Parse the fenced block ```rooms: what each room may import of ours, in the order of the lines."""
    _, fence, rest = document.partition("```rooms\n")
    assert fence, "ARCHITECTURE.md has no ```rooms block"
    lines = [line for line in rest.partition("```")[0].splitlines() if line.strip()]
    picture = {}
    for line in lines:
        room, colon, allowed = line.partition(":")
        assert colon, f"not a line of the form 'room: allowed, allowed': {line!r}"
        picture[room.strip()] = frozenset(name.strip() for name in allowed.split(",") if name.strip())
    return picture


def meant(name: str, picture: Picture) -> frozenset[str]:
    """Return the rooms that a name means: the one with a line of its own, otherwise all rooms inside it."""
    return frozenset({name}) if name in picture else frozenset(room for room in picture if _lies_in(room, name))


def room_of(dotted: str, picture: Picture) -> str:
    """Return the innermost room of a module, or of a name in one; the top-level name if no room contains it."""
    parts = dotted.split(".")
    paths = ("/".join(parts[:depth]) for depth in range(len(parts), 0, -1))
    return next((path for path in paths if path in picture), parts[0])


def _lies_in(room: str, outer: str) -> bool:
    return room.startswith(f"{outer}/")


def upward(picture: Picture) -> list[str]:
    """Return what lines allow that is not on a line above; if there is nothing, the rooms form no cycle."""
    found = []
    below: set[str] = set()
    for room, allowed in picture.items():
        for name in sorted(allowed):
            rooms = meant(name, picture)
            if not rooms or not rooms <= below:
                found.append(f"{room} may import {name}, which is not drawn below it")
        below.add(room)
    return found


def tops_of(root: Path) -> frozenset[str]:
    """Return every top-level folder that contains Python files, and every top-level module."""
    folders = (path for path in root.iterdir() if path.is_dir() and path.name[0] != "." and any(path.rglob("*.py")))
    return frozenset({path.name for path in folders if path.name.isidentifier()} | {p.stem for p in root.glob("*.py")})


def modules_of(root: Path, top: str) -> Iterator[Module]:
    """Yield the files of a top-level folder, or the one top-level module."""
    files = [root / f"{top}.py"] if (root / f"{top}.py").is_file() else sorted((root / top).rglob("*.py"))
    for path in files:
        file = path.relative_to(root)
        parts = file.parent.parts if file.stem == "__init__" else (*file.parent.parts, file.stem)
        yield Module(".".join(parts), file.as_posix())


def imports_of(root: Path, file: str) -> Iterator[Import]:
    """Yield every import of a file: at the top, inside functions, under TYPE_CHECKING, and importlib with a literal."""
    for node in ast.walk(ast.parse((root / file).read_text(encoding="utf-8"), filename=file)):
        yield from (Import(name, file, node.lineno) for name in _names(node))  # type: ignore[attr-defined]


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=str() as module, names=names, level=0):
            yield from (f"{module}.{alias.name}" for alias in names)
        case ast.ImportFrom():
            yield "."
        case ast.Call(func=function):
            called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if called in {"import_module", "__import__"}:
                given = [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "name")]
                literals = (value.value for value in given if isinstance(value, ast.Constant))
                yield from (name for name in literals if isinstance(name, str))


def faults(root: Path, picture: Picture) -> list[str]:
    """Return every way in which the code differs from the picture."""
    modules = [module for top in sorted(tops_of(root) - BESIDE_THE_ROOMS) for module in modules_of(root, top)]
    folders = [room for room in picture if not (root / f"{room}.py").is_file()]
    missing = dict.fromkeys(path for module in modules if (path := _undrawn(module, picture, folders)))
    found = [f"{path} is not in ARCHITECTURE.md" for path in missing]
    found += [f"ARCHITECTURE.md shows {room}, which is not there" for room in picture if not _is_there(root, room)]
    for module in modules:
        if _undrawn(module, picture, folders) is None:
            room = room_of(module.name, picture)
            checked = ((seen, _fault(room, seen, picture)) for seen in imports_of(root, module.file))
            found += dict.fromkeys(f"{seen.file}:{seen.line}: {fault}" for seen, fault in checked if fault)
    return found


def _undrawn(module: Module, picture: Picture, folders: Sequence[str]) -> str | None:
    """Return the outermost folder or file on the path to a module that should have a line, and has none.

    In a room that contains other rooms, every folder needs a line. A file needs one only if its folder has none.
    """
    parts = module.name.split(".")
    for depth in range(len(parts)):
        outer, path = "/".join(parts[:depth]), "/".join(parts[: depth + 1])
        if depth and not _divided(outer, folders):
            return None
        is_file = f"{path}.py" == module.file
        if not (path in picture or _divided(path, folders) or (is_file and outer in picture)):
            return path
    return None


def _divided(name: str, folders: Sequence[str]) -> bool:
    return any(_lies_in(room, name) for room in folders)


def _is_there(root: Path, room: str) -> bool:
    return (root / f"{room}.py").is_file() or any((root / room).rglob("*.py"))


def _fault(room: str, seen: Import, picture: Picture) -> str | None:
    package = seen.name.partition(".")[0]
    if seen.name == ".":
        return "a relative import"
    if package in BESIDE_THE_ROOMS:
        return f"{room} must not import {package}"
    if meant(package, picture):
        allowed = {room}.union(*(meant(name, picture) for name in picture.get(room, ())))
        target = room_of(seen.name, picture)
        return None if target in allowed else f"{room} must not import {target}"
    for ban in BANNED.get(room.partition("/")[0], ()):
        banned, _, excepted = ban.partition(": ")
        if package == banned and not (excepted and seen.file.startswith(tuple(excepted.split(", ")))):
            return f"{room} must know nothing of {package}"
    return None


def circle(root: Path) -> list[str]:
    """Return the modules of an import cycle, each followed by one that imports it; empty if there is none.

    All imports found by `imports_of` count, including deferred ones and those for the type checker, of the rooms and of
    what is beside them. The `__init__.py` of a package counts if the package is imported by its own name.
    """
    modules = {module.name: module.file for top in tops_of(root) for module in modules_of(root, top)}
    graph = {
        name: {other for seen in imports_of(root, file) if (other := _module(seen.name, modules)) and other != name}
        for name, file in modules.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _module(dotted: str, modules: Mapping[str, str]) -> str | None:
    parts = dotted.split(".")
    names = (".".join(parts[:depth]) for depth in range(len(parts), 0, -1))
    return next((name for name in names if name in modules), None)


OURS = {"espalier-prune", "espalier"}
"""Our distribution, and its name in environments that were set up before November 2026."""


def hidden(names: Iterable[str], installed: Mapping[str, Iterable[str]]) -> set[str]:
    """Return the names that are also modules of the standard library, or of an installed distribution of others."""
    others = {module for module, distributions in installed.items() if set(distributions) - OURS}
    return set(names) & (others | sys.stdlib_module_names)


@pytest.fixture(scope="module")
def picture() -> Picture:
    return read_picture((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))


def test_the_picture_is_true(picture: Picture) -> None:
    assert faults(ROOT, picture) == []


def test_every_line_names_only_rooms_below_it(picture: Picture) -> None:
    assert upward(picture) == []


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circle(ROOT) == []


def test_every_room_has_its_bans(picture: Picture) -> None:
    assert set(BANNED) == {room.partition("/")[0] for room in picture if room != "launch"}


def test_every_exception_of_a_ban_is_there() -> None:
    excepted = [path for bans in BANNED.values() for ban in bans for path in ban.partition(": ")[2].split(", ") if path]
    assert [path for path in excepted if not (ROOT / path).exists()] == []


def test_no_room_hides_a_standard_or_third_party_module(picture: Picture) -> None:
    assert hidden({room.partition("/")[0] for room in picture}, packages_distributions()) == set()


def test_a_room_that_hides_one_is_caught() -> None:
    names = {"json", "ray", "search", "cli"}
    assert hidden(names, {"ray": ["ray"], "search": ["espalier"], "cli": ["espalier", "another"]}) == names - {"search"}


@pytest.mark.parametrize(
    ("file", "code", "fault"),
    [
        ("search/space", "from search.control.session import SearchSession\n", "not import search/control"),
        ("search/space", "from search.proposers import base\n", "not import search/proposers"),
        ("search/space", "def f():\n    from search import run\n", "not import search/run"),
        ("search/space", "import search\n", "not import search"),
        (
            "search/proposers",
            "from search.proposers.asking.llm import LLMProposer\n",
            "not import search/proposers/asking",
        ),
        ("search/proposers", "from search.proposers.registry import ASKING\n", "not import search/proposers/registry"),
        ("search/proposers/asking", "import search.control.master as m\n", "not import search/control"),
        (
            "search/control",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import search.execution.tuning\n",
            "not import search/execution",
        ),
        ("search/setup", "import importlib\nimportlib.import_module(name='search.run')\n", "not import search/run"),
        ("search/outcome", "from tracking.mirror.sync import sync\n", "not import tracking/mirror"),
        ("tracking", "from tracking.mirror.mlflow_store import Store\n", "not import tracking/mirror"),
        ("tracking", "def f():\n    import mlflow.entities\n", "know nothing of mlflow"),
        ("llm_clients", "import anthropic\n", "know nothing of anthropic"),
        ("search/proposers/asking", "from openai import OpenAI\n", "know nothing of openai"),
        ("search/control", "def f():\n    import ray.tune as tune\n", "know nothing of ray"),
        ("search/space", "from torch import nn\n", "know nothing of torch"),
        (
            "search/setup",
            "try:\n    import optuna\nexcept ImportError: ...\n",
            "know nothing of optuna",
        ),
        ("trainers", "from ray import train\n", "know nothing of ray"),
        ("ablations/floor", "def f():\n    import ray\n", "know nothing of ray"),
        ("ablations/floor", "from ablations.registry import study\n", "not import ablations"),
        ("sandbox", "from tracking import events\n", "not import tracking"),
        ("sandbox", "import pydantic\n", "know nothing of pydantic"),
    ],
)
def test_an_import_planted_in_a_room_of_this_house_is_caught(
    tmp_path: Path, picture: Picture, file: str, code: str, fault: str
) -> None:
    bad = f"{file}/bad.py"
    (tmp_path / file).mkdir(parents=True)
    (tmp_path / bad).write_text(code)
    found = [fault.partition(": ")[2] for fault in faults(tmp_path, picture) if fault.startswith(f"{bad}:")]
    assert found == [f"{file} must {fault}"]


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


DIVIDED: Picture = read_picture(
    "```rooms\nhall:\nhall/attic: hall\nwing/low:\nwing/high: wing/low\ncli: hall, wing\n```\n"
)


@pytest.fixture
def divided_house(tmp_path: Path) -> Path:
    for file, code in {
        "hall/__init__.py": "",
        "hall/table.py": "",
        "hall/attic/trunk.py": "import hall.table\n",
        "wing/__init__.py": "",
        "wing/low/deep/floor.py": "",
        "wing/high.py": "from wing.low.deep import floor\n",
        "cli/main.py": "from wing import high\nfrom hall import table\n",
    }.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(code)
    return tmp_path


def test_a_true_picture_of_a_divided_house_has_no_fault(divided_house: Path) -> None:
    assert faults(divided_house, DIVIDED) == []
    assert upward(DIVIDED) == []
    assert circle(divided_house) == []


@pytest.mark.parametrize(
    ("file", "code", "fault"),
    [
        ("wing/low/deep/floor.py", "def f():\n    import wing.high\n", "2: wing/low must not import wing/high"),
        ("hall/table.py", "from hall.attic import trunk\n", "1: hall must not import hall/attic"),
        ("cli/main.py", "import hall.attic.trunk\n", "1: cli must not import hall/attic"),
        ("wing/__init__.py", "from wing.low.deep import floor\n", "1: wing must not import wing/low"),
    ],
)
def test_an_arrow_upward_within_a_room_is_caught(divided_house: Path, file: str, code: str, fault: str) -> None:
    (divided_house / file).write_text(code)
    assert faults(divided_house, DIVIDED) == [f"{file}:{fault}"]


@pytest.mark.parametrize(
    ("file", "path"),
    [("wing/loose.py", "wing/loose"), ("wing/new/x.py", "wing/new"), ("hall/new/deep/x.py", "hall/new")],
)
def test_a_divided_room_holds_nothing_that_is_not_drawn(divided_house: Path, file: str, path: str) -> None:
    (divided_house / file).parent.mkdir(parents=True, exist_ok=True)
    (divided_house / file).write_text("")
    assert faults(divided_house, DIVIDED) == [f"{path} is not in ARCHITECTURE.md"]


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ("a: b\nb:\n", "b"),
        ("a: a\n", "a"),
        ("a: nowhere\n", "nowhere"),
        ("a/low:\nb: a\na/high:\n", "a"),
    ],
)
def test_a_line_that_names_a_room_of_no_lower_floor_is_caught(lines: str, named: str) -> None:
    found = upward(read_picture(f"```rooms\n{lines}```\n"))
    assert len(found) == 1
    assert found[0].endswith(f"may import {named}, which is not drawn below it")


@pytest.mark.parametrize(
    "code",
    [
        "import wing.high\n",
        "def f():\n    from wing import high\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from wing.high import x\n",
    ],
)
def test_a_circle_of_files_is_caught(divided_house: Path, code: str) -> None:
    (divided_house / "wing" / "low" / "deep" / "floor.py").write_text(code)
    assert set(circle(divided_house)) == {"wing.high", "wing.low.deep.floor"}
