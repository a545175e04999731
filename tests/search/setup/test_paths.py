"""Paths with `~` and `${VARIABLE}`, from every place that a path comes from."""

from pathlib import Path

import pytest

from cli.lazy import Verb, load_command
from search.errors import ConfigError
from search.setup.config import load_config, make_config
from search.setup.paths import expand


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PLACE", "/data")


@pytest.mark.parametrize("text", ["runs", "a b", "$PLACE", "a~b", "x/~", "{PLACE}", "a$b", "%20?#"])
def test_what_names_no_home_and_no_variable_is_left_alone(text: str) -> None:
    assert expand(text) == text


def test_homes_and_variables(tmp_path: Path) -> None:
    assert expand("~/x") == f"{tmp_path}/x"
    assert expand("${PLACE}/x/${PLACE}") == "/data/x//data"
    assert expand("~root").startswith("/")


@pytest.mark.parametrize("text", ["${NO_SUCH_VARIABLE}/x", "${}", "~nobody-by-that-name/x", "a\0b"])
def test_what_is_not_there_is_told(text: str) -> None:
    with pytest.raises(ConfigError):
        expand(text)


def test_a_yaml_file_and_an_option_alike(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("runs: ~/runs\ndata-path: ${PLACE}/images\n")
    config = load_config(file, {})
    assert (config.runs, config.data_path) == (tmp_path / "runs", Path("/data/images"))
    config = make_config({"runs": "~/runs", "prices": "${PLACE}/p.json", "base": "~/w.pth"})
    assert (config.runs, config.prices, config.base) == (
        tmp_path / "runs",
        Path("/data/p.json"),
        str(tmp_path / "w.pth"),
    )


def test_the_options_of_every_verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr("cli.sync.RunDirs", seen.append)
    with pytest.raises(AttributeError):  # there is no run
        load_command(Verb("sync", "cli.sync", ""))(["--runs=~/runs"], standalone_mode=False)
    assert seen == [tmp_path / "runs"]
