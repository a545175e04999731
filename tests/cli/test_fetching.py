"""`--checkpoint hf:OWNER/REPO/FILE`, against a hub on this machine."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from cli.fetching import fetched
from cli.main import main
from pruning.checkpoint import load_pruned
from search.errors import ConfigError
from tests.cli.hub import COMMIT, Hub, served
from tests.trainers.pruned import pruned_checkpoint

REPO = "someone/pruned-models"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pruned_checkpoint(tmp_path_factory.mktemp("published") / "own")


@pytest.fixture(scope="module")
def hub(own: Path) -> Iterator[Hub]:
    plain = own.parent / "clean.pth"
    torch.save(load_pruned(own).module.state_dict(), plain)
    names = ("model.safetensors", "architecture.json")
    files = {"clean.pth": plain, "not weights.pth": own / "architecture.json"}
    folders = {f"{folder}{name}": own / name for folder in ("", "deep/er/") for name in names}
    with served(REPO, files | folders) as hub:
        yield hub


@pytest.fixture(autouse=True)
def _asked_of_it(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.got.clear()
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)


def evaluated(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main(["evaluate", *arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_a_published_file_is_fetched_once_and_scored(hub: Hub, own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("--checkpoint", f"hf:{REPO}/clean.pth", "--model", "resnet18_quarter")
    found = evaluated(capsys, *asked)
    assert evaluated(capsys, *asked)["correct"] == found["correct"]
    assert hub.got == ["clean.pth"]
    here = evaluated(capsys, "--checkpoint", str(own))
    assert all(found[name] == here[name] for name in ("macs", "params", "correct", "total"))
    assert found["bytes"] == (own.parent / "clean.pth").stat().st_size
    assert here["bytes"] == sum((own / name).stat().st_size for name in ("model.safetensors", "architecture.json"))


@pytest.mark.parametrize("folder", ["", "/deep/er", f"/deep/er@{COMMIT}", "@main"])
def test_a_checkpoint_folder_is_fetched_whole(hub: Hub, own: Path, folder: str) -> None:
    place = fetched(Path(f"hf:{REPO}{folder}"))
    assert (place / "architecture.json").read_bytes() == (own / "architecture.json").read_bytes()
    assert load_pruned(place).params == load_pruned(own).params
    assert len(hub.got) == 2


def test_export_takes_it_too(hub: Hub, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    line = ("--checkpoint", f"hf:{REPO}", "--format", "espalier", "--out", str(tmp_path / "out"))
    assert main(["export", *line]) == 0
    assert load_pruned(tmp_path / "out").spec.name == "resnet18_quarter"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hf:no-slash", "is no name on the hub: hf:OWNER/REPO/FILE"),
        ("hf:a/b/c.pth@", "is no name on the hub"),
        ("hf:someone/else/clean.pth", "has no repository 'someone/else', or it is private"),
        (f"hf:{REPO}/other.pth", "has no file 'other.pth'"),
        (f"hf:{REPO}/folder", "has no file 'folder/architecture.json'"),
        (f"hf:{REPO}/clean.pth@v2", "has no revision 'v2'"),
        (f"hf:{REPO}/not weights.pth", "is not a state dict"),
    ],
)
def test_what_is_not_there_is_refused(name: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--checkpoint", name, "--model", "resnet18_quarter"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert words in said
    assert "Traceback" not in said


def test_without_a_network_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.utils._http.time", SimpleNamespace(sleep=lambda _: None))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
    monkeypatch.setenv("HF_ENDPOINT", address)
    with pytest.raises(ConfigError) as error:
        fetched(Path(f"hf:{REPO}/clean.pth"))
    assert f"{address} cannot be reached" in str(error.value)
    assert "the hub's cache does not hold it" in str(error.value)


def test_other_paths_are_left_alone() -> None:
    assert fetched(Path("hf/model")) == Path("hf/model")
