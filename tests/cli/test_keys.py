"""Keys from a file: what is taken, what stands, and what is refused without a word of it."""

from pathlib import Path

import pytest

from cli.keys import VARIABLE, take_keys
from cli.main import main
from search.errors import ConfigError

CANARY = "sk-canary-0123456789abcdef"


def _file(tmp_path: Path, text: str, mode: int = 0o600) -> dict[str, str]:
    path = tmp_path / "keys"
    path.write_text(text)
    path.chmod(mode)
    return {VARIABLE: str(path)}


def test_assignments_are_taken_and_what_is_set_stands(tmp_path: Path) -> None:
    text = "# mine\n\nA_KEY=one\nexport B_KEY='two words'\nC_KEY=\"x=y\"\nD_KEY=other\n"
    environment = _file(tmp_path, text) | {"D_KEY": "set"}
    take_keys(environment)
    del environment[VARIABLE]
    assert environment == {"A_KEY": "one", "B_KEY": "two words", "C_KEY": "x=y", "D_KEY": "set"}


@pytest.mark.parametrize("environment", [{}, {VARIABLE: ""}, {VARIABLE: "/no/such/file"}])
def test_without_a_file_nothing_happens(environment: dict[str, str]) -> None:
    before = dict(environment)
    take_keys(environment)
    assert environment == before


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    environment = _file(tmp_path, f"A_KEY={CANARY}\n", 0o644)
    with pytest.raises(ConfigError, match="chmod 600") as caught:
        take_keys(environment)
    assert CANARY not in str(caught.value)
    assert "A_KEY" not in environment


def test_a_group_may_read_it_as_kubernetes_mounts_secrets(tmp_path: Path) -> None:
    environment = _file(tmp_path, "A_KEY=one\n", 0o440)
    take_keys(environment)
    assert environment["A_KEY"] == "one"


def test_a_line_that_is_none_is_counted_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Line 2 of") as caught:
        take_keys(_file(tmp_path, f"A_KEY=one\n{CANARY}\n"))
    assert CANARY not in str(caught.value)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        take_keys({VARIABLE: str(tmp_path)})


def test_every_verb_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "")  # undone at the end, whatever the verb sets
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv(VARIABLE, _file(tmp_path, f"ANTHROPIC_API_KEY={CANARY}\n", 0o644)[VARIABLE])
    assert main(["sync"]) == 2
    assert "chmod 600" in capsys.readouterr().err
