"""Hundreds of bad inputs of every kind: one paragraph, exit code 2, no traceback, nothing started."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from cli.main import main
from tests.cli.bad_inputs import KINDS, cases, make_files, spell
from tests.cli.launched import ROOT


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return make_files(tmp_path_factory.mktemp("bad"))


@pytest.fixture(autouse=True)
def _without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "RAY_ADDRESS", "NO_SUCH_VARIABLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("search.launching.Launch.execute", _started)
    monkeypatch.setattr("search.execution.cluster.start_ray", _started)


def _started(*_: object) -> None:
    raise AssertionError("something was started")


@pytest.mark.parametrize(("kind", "line", "words"), cases(), ids=[f"{n}" for n in range(len(cases()))])
def test_it_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    files: Mapping[str, str],
    kind: str,
    line: str,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code = main(spell(line, files))
    captured = capfd.readouterr()
    text = captured.err.strip()
    assert code == 2, (line, text, captured.out)
    assert text.startswith("Error: "), (line, text)
    assert "\n" not in text, (line, text)
    assert "Traceback" not in text + captured.out
    assert len(text) < 1500, (line, len(text))
    assert words in text
    assert not list(tmp_path.glob("runs/2*")), "a run was begun"


def test_there_are_enough_of_every_kind() -> None:
    assert len(cases()) >= 264
    assert all(len(of) >= 9 for of in KINDS.values())


def test_the_page_names_every_kind() -> None:
    page = (ROOT / "docs" / "field.md").read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"| {kind} |" not in page] == []
