"""Checkpoints of every shape that people save, and inputs of every shape, by the verbs that take them."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from cli.main import main
from pruning.checkpoint import load_pruned
from search.errors import ConfigError
from search.launching import begin
from search.setup.config import make_config
from search.setup.preparation import resolve_model
from tests.pruning.saved import CHOSEN, NET, SHAPES, trained_net, write

DIGITS = ("--dataset", "digits")


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return trained_net()


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[dict[str, object], str]:
    """The object that a verb prints with --json, and what it says beside it."""
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert isinstance(found, dict)
    return found, " ".join(captured.err.split())


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return " ".join(captured.err.split())


@pytest.mark.parametrize("name", SHAPES)
def test_every_verb_opens_every_shape(
    capsys: pytest.CaptureFixture[str], net: nn.Module, tmp_path: Path, name: str
) -> None:
    source = ("--checkpoint", str(write(tmp_path, name, SHAPES[name](net))), "--model", NET)
    shape = ("--input-shape", "1x32x32")
    profiled, said = shown(capsys, "profile", *source, *shape)
    assert CHOSEN.get(name, "") in said
    assert profiled["baseline_params"] == sum(p.numel() for p in net.parameters())
    found, _ = shown(capsys, "evaluate", *source, *DIGITS)
    assert found["macs"] == profiled["baseline_macs"]
    out = tmp_path / "out"
    shown(capsys, "export", *source, *shape, "--format", "espalier", "--out", str(out))
    image = torch.randn(2, 1, 32, 32)
    loose = 1e-2 if name == "half.pth" else 1e-6
    opened = load_pruned(out, trusted=(NET,)).module
    torch.testing.assert_close(opened(image), net(image), atol=loose, rtol=loose)
    if name != "plain.pth":
        return
    again, _ = shown(capsys, "evaluate", "--checkpoint", str(out), "--trust-factory", NET, *DIGITS)
    assert again["correct"] == found["correct"]


@pytest.mark.parametrize("name", SHAPES)
def test_a_search_takes_every_shape_as_its_base(
    net: nn.Module, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path, name, SHAPES[name](net))
    fields = {"model": NET, "base": str(path), "runs": tmp_path / "runs", "executor": "local", "mlflow": False}
    launch = begin(make_config({**fields, "target_macs": "50%"}))
    launch.close()
    assert CHOSEN.get(name, "") in caplog.text


def test_a_base_that_does_not_fit_is_refused_with_its_keys_before_there_is_a_folder(
    capsys: pytest.CaptureFixture[str], net: nn.Module, tmp_path: Path
) -> None:
    state = {name.replace("8.", ":fc:"): tensor for name, tensor in net.state_dict().items()}
    path = write(tmp_path, "odd[bold].pth", {"state_dict": state})
    runs = tmp_path / "runs"
    line = ("--model", NET, "--base", str(path), "--runs", str(runs), "--no-mlflow", "--executor", "local")
    text = refused(capsys, "search", *line)
    for words in (
        "odd[bold].pth",
        "2 of 14 that the model has are missing (8.weight, 8.bias)",
        "(:fc:weight, :fc:bias)",
    ):
        assert words in text
    assert not runs.exists()


def test_a_search_takes_images_that_are_not_square() -> None:
    data, spec = resolve_model(make_config({"model": NET, "input_shape": "1x28x24"}))
    assert spec.input_size == (1, 28, 24)
    assert data.splits(seed=0, input_size=spec.image_size).info.input_size == (1, 28, 24)


def test_a_base_that_is_a_module_is_never_unpickled(net: nn.Module, tmp_path: Path) -> None:
    path = write(tmp_path, "whole.pt", {"model": net})
    with pytest.raises(ConfigError, match="save its weights first"):
        begin(make_config({"model": NET, "base": str(path), "runs": tmp_path / "runs", "executor": "local"}))
    assert not (tmp_path / "runs").exists()


def test_a_dict_with_a_module_opens_with_trust(
    capsys: pytest.CaptureFixture[str], net: nn.Module, tmp_path: Path
) -> None:
    source = ("--checkpoint", str(write(tmp_path, "whole.pt", {"model": net, "epoch": 1})), "--model", NET)
    assert "--trust-pickle" in refused(capsys, "profile", *source)
    found, _ = shown(capsys, "profile", *source, "--trust-pickle", "--input-shape", "1x32x32")
    assert found["baseline_params"] == sum(p.numel() for p in net.parameters())


def test_what_is_missing_is_told_as_missing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    missing = str(tmp_path / "none.pth")
    assert "no file and no folder" in refused(capsys, "evaluate", "--checkpoint", missing, "--model", NET)
    assert "nor a file that is there" in refused(capsys, "search", "--model", NET, "--base", missing)


FIELD = """
import torch
from torch import nn

def signal(num_classes=10):
    body = nn.Sequential(nn.Conv1d(1, 8, 9, 4, 4), nn.BatchNorm1d(8), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())
    return nn.Sequential(body, nn.Linear(8, num_classes))

def video(num_classes=10):
    body = nn.Sequential(nn.Conv3d(3, 6, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten())
    return nn.Sequential(body, nn.Linear(6, num_classes))

class Two(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.eye, self.body, self.head = nn.Conv2d(3, 8, 3, 2, 1), nn.Linear(10, 8), nn.Linear(8, classes)
    def forward(self, image, pose):
        return self.head(torch.relu(self.eye(image)).mean((2, 3)) + torch.relu(self.body(pose)))

class UNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.down, self.up = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, classes, 1)
    def forward(self, x):
        return self.up(torch.relu(self.down(x)))

def unet(num_classes=5):
    return UNet(num_classes)

def fixed():
    return UNet(6)
"""


@pytest.fixture
def field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Factories of kinds of networks that people have."""
    (tmp_path / "field_7392.py").write_text(FIELD)
    (tmp_path / "broken_7392.py").write_text("import no_such_package_7392\n\ndef net():\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return "field_7392"


@pytest.mark.parametrize(
    ("name", "shape", "size", "macs"),
    [
        ("signal", "1x1024", [1, 1024], 256 * 8 * 9 + 256 * 8 * 2 + 80),
        ("video", "3x4x8x8", [3, 4, 8, 8], 256 * 6 * 81 + 60),
        ("Two", "image=3x32x16,pose=10", {"image": [3, 32, 16], "pose": [10]}, 128 * 8 * 27 + 80 + 32),
        ("unet", "3x8x24", [3, 8, 24], 192 * 8 * 27 + 192 * 8 * 5),
        ("fixed", "3x8x8", [3, 8, 8], 64 * 8 * 27 + 64 * 8 * 6),
    ],
)
def test_inputs_of_every_shape_are_profiled_and_exported(
    capsys: pytest.CaptureFixture[str], field: str, name: str, shape: str, size: object, macs: int
) -> None:
    given = ("--model", f"{field}:{name}", "--input-shape", shape)
    found, _ = shown(capsys, "profile", *given)
    assert (found["input_size"], found["baseline_macs"]) == (size, macs)
    path = Path("weights.pth")
    made = __import__(field)
    torch.save(getattr(made, name)().state_dict(), path)
    shown(capsys, "export", "--checkpoint", str(path), *given, "--format", "espalier,pt2,torchscript", "--out", "out")
    again, _ = shown(capsys, "profile", "--checkpoint", "out", "--trust-factory", f"{field}:{name}")
    assert (again["input_size"], again["baseline_macs"]) == (size, macs)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("profile --model {field}:fixed --num-classes 7", "takes no 'num_classes' argument"),
        ("profile --model {field}:fixd", "Did you mean fixed?"),
        (
            "profile --model broken_7392:net",
            "importing broken_7392 failed: ModuleNotFoundError: No module named 'no_su",
        ),
        ("profile --model absent_7392:net", "there is no module 'absent_7392'"),
        ("profile --model {field}:Two --input-shape image=3x32x16,pos=10", "first arguments of this model's forward"),
        ("profile --model {field}:Two --input-shape 3x32xpose", "3x32xpose"),
        ("profile --model {field}:Two --input-shape 0x3", "[0, 3]"),
        ("profile --model {field}:unet --input-shape 3x8x8 --input-size 8", "give one"),
        ("search --model {field}:signal --input-shape 1x1024", "works on images"),
        ("search --input-shape 1x28x28 --input-size 28", "both state the input"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    capsys: pytest.CaptureFixture[str], field: str, line: str, words: str
) -> None:
    assert words in refused(capsys, *line.format(field=field).split())
