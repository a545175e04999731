"""What tests replace by its spelling is there: `monkeypatch.setattr("a.b.c", …)` is read by neither types nor lint."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def replaced_names(code: str) -> Iterator[str]:
    """The dotted names that `setattr("a.b.c", …)` and `mock.patch("a.b.c", …)` replace."""
    for node in ast.walk(ast.parse(code)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("setattr", "patch")
        ):
            first = node.args[0] if node.args else None
            made = any(word.arg in ("raising", "create") for word in node.keywords)  # it need not be there
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and not made:
                yield first.value


def bound_names(code: str) -> set[str]:
    """The names that a module binds, in whatever block of its own they stand."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names.update((alias.asname or alias.name).partition(".")[0] for alias in aliases)
    return names


def is_there(root: Path, dotted: str) -> bool:
    """Whether a name of this house is there: the module, and what it binds. Of others' modules nothing is asked."""
    parts = dotted.split(".")
    if not (root / parts[0]).is_dir() and not (root / f"{parts[0]}.py").is_file():
        return True
    for length in range(len(parts), 0, -1):
        path = root.joinpath(*parts[:length])
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                return length == len(parts) or parts[length] in bound_names(file.read_text(encoding="utf-8"))
    return False


def test_what_tests_replace_is_there() -> None:
    absent = [
        f"{path.relative_to(ROOT)}: {dotted}"
        for path in sorted(ROOT.joinpath("tests").rglob("*.py"))
        for dotted in replaced_names(path.read_text(encoding="utf-8"))
        if not is_there(ROOT, dotted)
    ]
    assert absent == []


@pytest.mark.parametrize(
    ("code", "there"),
    [
        ('monkeypatch.setattr("rooms.door.opened", print)', True),
        ('monkeypatch.setattr("rooms.door.Handle.turn", print)', True),
        ('monkeypatch.setattr("rooms.door.time.sleep", print)', True),
        ('monkeypatch.setattr("rooms.door", print)', True),
        ('mock.patch("rooms.door.closed")', False),
        ('monkeypatch.setattr("rooms.window.opened", print)', False),
        ('monkeypatch.setattr("os.path.exists", print)', True),
    ],
)
def test_a_name_that_is_gone_is_found(tmp_path: Path, code: str, *, there: bool) -> None:
    (tmp_path / "rooms").mkdir()
    (tmp_path / "rooms" / "__init__.py").touch()
    (tmp_path / "rooms" / "door.py").write_text("import time\n\nopened = 1\n\n\nclass Handle:\n    ...\n")
    assert [is_there(tmp_path, dotted) for dotted in replaced_names(code)] == [there]
