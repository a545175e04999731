"""The verbs that look at one model: profile, export, latency, evaluate, on every kind of model that users have."""

import copy
import json
import random
from pathlib import Path

import pytest
import torch

from cli.main import main
from pruning.card import CARD
from pruning.checkpoint import load_pruned, save_pruned
from pruning.counter import count_macs
from pruning.models import ModelSpec, create_model
from pruning.planning import build_plan
from pruning.proof import random_selection
from pruning.slicing import slice_model
from tests.trainers.structured import twins
from trainers.datasets.digits import Digits

TWINS = "tests.trainers.structured:twins"
SPEC = ModelSpec("resnet18_quarter", 10, (1, 32, 32))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pruned, untrained model, and beside it the files that other people publish of it."""
    folder = tmp_path_factory.mktemp("models")
    base = create_model(SPEC)
    plan = build_plan(base, SPEC, verify=False)
    selection = random_selection(plan, random.Random(1))
    module = slice_model(base, plan, selection)
    save_pruned(module, plan, selection, folder / "own")
    torch.save(module.state_dict(), folder / "clean.pth")
    torch.save(module, folder / "whole.pt")
    weights = module.state_dict()
    of_seven = weights | {"fc.weight": torch.zeros(7, weights["fc.weight"].shape[1]), "fc.bias": torch.zeros(7)}
    torch.save(of_seven, folder / "of_seven.pth")
    changed = copy.deepcopy(module)
    changed.act1 = torch.nn.Tanh()
    torch.save(changed, folder / "changed.pt")
    vit = ModelSpec("vit_quarter", 20, (3, 32, 32))
    plan_of_vit = build_plan(create_model(vit), vit, verify=False)
    units = tuple(tuple(range(group.units)) for group in plan_of_vit.groups)
    save_pruned(create_model(vit), plan_of_vit, units, folder / "vit")
    odd = module.state_dict()
    odd["layer2.0.bn1.weight"] = odd["layer2.0.bn1.weight"][:-1]
    torch.save(odd, folder / "odd.pth")
    return folder / "own"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    """The object that a verb prints with --json."""
    assert main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return " ".join(captured.err.replace("│", " ").split())


def test_a_profile_s_stages_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    found = run_json(capsys, "profile")
    assert found["baseline_macs"] == 2_658_432
    stages = found["stages"]
    assert isinstance(stages, list)
    assert sum(stage["macs"] for stage in stages) == 2_658_432
    assert str(found["proof"]).startswith("every length of 3 sliced models")
    assert found["fixed"] == [
        {
            "name": "fc",
            "units": 10,
            "layer": "",
            "operation": "output",
            "reason": "the model returns it",
            "macs_out_of_reach": 9,
        }
    ]
    assert found["macs_out_of_reach"] == 9, "one feature to ten classes, where one could do"


def test_a_profile_as_a_table_with_groups_and_a_picture(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["profile", "--model", "vit_quarter", "--groups", "--plot", "stages.png"]) == 0
    text = capsys.readouterr().out
    for word in (
        "isomorphic sets",
        "head dims",
        "blocks.3",
        "counter: fvcore",
        "proof: every length",
        "fixed: head",
        "out of reach",
        "stages.png",
    ):
        assert word in text
    assert (tmp_path / "stages.png").read_bytes().startswith(b"\x89PNG")


def test_a_published_size_is_the_default_and_a_dataset_s_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_json(capsys, "profile", "--model", "resnet18", "--input-size", "64")["input_size"] == [3, 64, 64]
    assert run_json(capsys, "profile", "--model", "resnet18_quarter", "--dataset", "shapes")["input_size"] == [
        3,
        32,
        32,
    ]


def test_a_factory_of_one_s_own(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_7391.py").write_text(
        "from torch import nn\n"
        "def net(num_classes):\n"
        "    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, num_classes))\n"
        "def broken(num_classes):\n"
        "    raise RuntimeError('no weights today')\n"
        "def number(num_classes):\n"
        "    return 7\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    size = ("--input-size", "8", "--num-classes", "5")
    found = run_json(capsys, "profile", "--model", "mine_7391:net", *size)
    assert found["baseline_macs"] == 27 * 8 * 36 + 8 * 36 * 5
    assert "no weights today" in refused(capsys, "profile", "--model", "mine_7391:broken", *size)
    assert "returned a int" in refused(capsys, "profile", "--model", "mine_7391:number", *size)
    assert "mine_7391:none" in refused(capsys, "profile", "--model", "mine_7391:none", *size)


@pytest.mark.parametrize("how", ["--checkpoint", "--model"])
def test_a_checkpoint_s_profile_is_the_pruned_model_s(
    capsys: pytest.CaptureFixture[str], checkpoint: Path, how: str
) -> None:
    assert run_json(capsys, "profile", how, str(checkpoint))["baseline_macs"] == load_pruned(checkpoint).macs


@pytest.mark.parametrize(("file", "extra"), [("clean.pth", ()), ("whole.pt", ("--trust-pickle",))])
def test_what_others_publish_is_profiled_and_evaluated(
    capsys: pytest.CaptureFixture[str], checkpoint: Path, file: str, extra: tuple[str, ...]
) -> None:
    source = ("--checkpoint", str(checkpoint.parent / file), "--model", SPEC.name, *extra)
    macs = load_pruned(checkpoint).macs
    assert run_json(capsys, "profile", *source)["baseline_macs"] == macs
    found = run_json(capsys, "evaluate", *source)
    assert (found["macs"], found["macs_by_plan"]) == (macs, macs)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a model with two heads and features before them, as others publish them."""
    file = tmp_path_factory.mktemp("published") / "twins.pth"
    torch.manual_seed(0)
    torch.save(twins(20, 3).state_dict(), file)
    return file


def test_the_logits_of_a_published_model_are_named(capsys: pytest.CaptureFixture[str], published: Path) -> None:
    source = ("--checkpoint", str(published), "--model", "tests.trainers.structured:twins")
    shapes = ("--dataset", "shapes")
    asked = ("--num-classes", "20", "--input-size", "32", "--output", "fine")
    coarse, fine = (
        run_json(capsys, "evaluate", *source, *shapes, "--output", name)["correct"] for name in ("coarse", "fine")
    )
    assert coarse != fine
    found = run_json(capsys, "export", *source, *asked, "--format", "torchscript,espalier", "--out", "ours")
    assert [row["format"] for row in found["exported"]] == ["torchscript", "espalier"]  # type: ignore[attr-defined]
    assert load_pruned("ours", trusted=(TWINS,)).spec.output == "fine"
    ours = ("--checkpoint", "ours", "--trust-factory", TWINS)
    assert run_json(capsys, "evaluate", *ours, *shapes)["correct"] == fine
    assert "cannot be asked of ours" in refused(capsys, "evaluate", "--checkpoint", "ours", "--output", "coarse")


def test_a_published_model_without_logits_is_refused(capsys: pytest.CaptureFixture[str], published: Path) -> None:
    source = ("--checkpoint", str(published), "--model", "tests.trainers.structured:twins")
    shapes = ("--dataset", "shapes")
    size = ("--num-classes", "20", "--input-size", "32")
    assert "coarse [2, 20], fine [2, 20]: name" in refused(capsys, "evaluate", *source, *shapes)
    assert "'fin'" in refused(capsys, "evaluate", *source, *shapes, "--output", "fin")
    assert "'fin'" in refused(capsys, "export", *source, *size, "--output", "fin")
    assert run_json(capsys, "export", *source, *size, "--format", "pt2")["exported"], "nothing needs its logits"


def test_export_writes_checks_and_describes(capsys: pytest.CaptureFixture[str], checkpoint: Path) -> None:
    assert main(["export", "--checkpoint", str(checkpoint), "--format", "pt2,espalier", "--out", "out"]) == 0
    assert "largest difference" in capsys.readouterr().out
    image = torch.randn(1, 1, 32, 32)
    expected = load_pruned(checkpoint).module(image)
    torch.testing.assert_close(torch.export.load("out/model.pt2").module()(image), expected)
    assert torch.equal(load_pruned("out").module(image), expected)
    assert Path("out", CARD).read_text().startswith("# resnet18_quarter, pruned to")


def test_no_card_is_made_of_another_model_s_checkpoint(capsys: pytest.CaptureFixture[str], checkpoint: Path) -> None:
    assert main(["export", "--checkpoint", str(checkpoint), "--format", "espalier", "--out", "there"]) == 0
    Path("there", CARD).unlink()
    capsys.readouterr()
    source = ("--checkpoint", str(checkpoint.parent / "clean.pth"), "--model", SPEC.name)
    assert run_json(capsys, "export", *source, "--format", "torchscript", "--out", "there")["card"] is None
    assert not Path("there", CARD).exists()


@pytest.mark.parametrize("name", ["clean.pth", "whole.pt"])
def test_a_published_file_becomes_a_checkpoint(capsys: pytest.CaptureFixture[str], checkpoint: Path, name: str) -> None:
    """Also a whole module, of whose units only its weights tell."""
    source = ("--checkpoint", str(checkpoint.parent / name), "--model", SPEC.name, "--trust-pickle")
    found = run_json(capsys, "export", *source, "--format", "espalier", "--out", "ours")
    assert found["macs"] == load_pruned("ours").macs
    assert found["card"] == f"ours/{CARD}"


def test_a_test_set_is_scored_at_another_size(capsys: pytest.CaptureFixture[str], checkpoint: Path) -> None:
    asked = ("evaluate", "--checkpoint", str(checkpoint))
    own, larger = run_json(capsys, *asked), run_json(capsys, *asked, "--input-size", "64")
    assert (own["input_size"], larger["input_size"]) == ([1, 32, 32], [1, 64, 64])
    assert own["macs"] == own["macs_by_plan"] == load_pruned(checkpoint).macs
    module = load_pruned(checkpoint).module
    assert larger["macs"] == count_macs(module, (1, 64, 64)) > 3 * load_pruned(checkpoint).macs
    assert larger["macs_by_plan"] is None
    test = Digits().splits(seed=0, input_size=(1, 64, 64)).test
    with torch.inference_mode():
        logits = module(test.images(torch.arange(len(test))))
    assert larger["correct"] == int((logits.argmax(1) == test.labels).sum())
    assert larger["accuracy_top5"] == int((logits.topk(5).indices == test.labels[:, None]).sum()) / 450
    assert main([*asked, "--input-size", "64"]) == 0
    said = capsys.readouterr().out
    assert "450 images at 1×64×64" in said
    assert f"{larger['macs']:,}" in said


def test_latency_measures_both_models_in_every_setting(capsys: pytest.CaptureFixture[str], checkpoint: Path) -> None:
    found = run_json(
        capsys, "latency", "--checkpoint", str(checkpoint), "--batch-size", "1,2", "--repeats", "5",
        "--memory-format", "contiguous,channels_last",
    )  # fmt: skip
    settings = found["settings"]
    assert isinstance(settings, list)
    seen = [(s["base"]["batch_size"], s["base"]["channels_last"]) for s in settings]
    assert seen == [(1, False), (1, True), (2, False), (2, True)]
    assert all(s["pruned"]["median_ms"] > 0 and s["speedup"] > 0 for s in settings)
    assert found["base_macs"] == 2_658_432


def test_latency_as_a_table(capsys: pytest.CaptureFixture[str], checkpoint: Path) -> None:
    assert main(["latency", "--checkpoint", str(checkpoint), "--batch-size", "1", "--repeats", "5"]) == 0
    text = capsys.readouterr().out
    assert "median (p95)" in text
    assert "× fewer" in text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("evaluate --checkpoint {folder}/whole.pt --model resnet18_quarter", ("--trust-pickle",)),
        ("profile --checkpoint {folder}/odd.pth --model resnet18_quarter", ("no pruning of resnet18_quarter",)),
        ("profile --checkpoint {folder}/clean.pth --model vit_quarter", ("of vit_quarter", "missing (cls_token")),
        ("export --checkpoint {folder}/clean.pth", ("--model",)),
        ("export --checkpoint {folder}/own --format onnxx", ("'onnxx'", "torchscript")),
        ("export --checkpoint {folder}/own --format ,", ("empty", "onnx")),
        ("export --checkpoint {folder}/own --format espalier --out {folder}/own", ("itself",)),
        ("export --checkpoint {folder}/own --out {folder}/clean.pth", ("clean.pth", "cannot be written")),
        ("export --checkpoint {folder}/own --input-size 64", ("--input-size 64",)),
        (
            "export --checkpoint {folder}/changed.pt --model resnet18_quarter --trust-pickle --format espalier",
            ("its code was changed", "onnx"),
        ),
        (
            "finetune --checkpoint {folder}/changed.pt --model resnet18_quarter --trust-pickle",
            ("its code was changed",),
        ),
        ("evaluate --checkpoint {folder}/own --model resnet50", ("contradict", "resnet18_quarter")),
        ("finetune --checkpoint {folder}/clean.pth", ("--model",)),
        (
            "finetune --checkpoint {folder}/clean.pth --model vit_quarter --dataset shapes",
            ("no state dict of vit_quarter",),
        ),
        ("finetune --checkpoint {folder}/of_seven.pth --model resnet18_quarter", ("for 7 classes", "10 are needed")),
        ("evaluate --checkpoint {folder}/of_seven.pth --model resnet18_quarter", ("for 7 classes", "10 are needed")),
        ("finetune --checkpoint {folder}/own --input-size 64", ("--input-size 64",)),
        ("train --model resnet18_quater", ("resnet18_quarter",)),
        ("train --model resnet18_quarter --epochs 0", ("epochs",)),
        ("evaluate --checkpoint {folder}/vit --dataset shapes --input-size 64", ("--input-size 64", "32×32")),
        ("latency --checkpoint {folder}/own --batch-size 0", ("'0'",)),
        ("latency --checkpoint {folder}/own --threads many", ("'many'",)),
        ("latency --checkpoint {folder}/own --memory-format nhwc", ("'nhwc'", "channels_last")),
        ("latency --checkpoint {folder}/own --device tpu", ("'tpu'", "cpu")),
        ("profile --plot {folder}/nowhere/x.png", ("nowhere",)),
        ("profile --checkpoint {folder}/clean.pth", ("--model",)),
        ("profile --checkpoint {folder}/own --model resnet50", ("contradict", "resnet18_quarter")),
        ("profile --checkpoint {folder}/own --dataset digits", ("contradict", "digits")),
        ("profile --model resnet18 --checkpoint {folder}/none", ("none", "there is no file and no folder")),
    ],
)
def test_it_is_refused(capsys: pytest.CaptureFixture[str], checkpoint: Path, line: str, words: tuple[str, ...]) -> None:
    text = refused(capsys, *line.format(folder=checkpoint.parent).split())
    for word in words:
        assert word in text


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str], checkpoint: Path) -> None:
    assert "no GPU" in refused(capsys, "latency", "--checkpoint", str(checkpoint), "--device", "cuda")


def _truncate(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])


def _other_hash(folder: Path) -> None:
    text = (folder / "architecture.json").read_text()
    document = json.loads(text)
    (folder / "architecture.json").write_text(text.replace(document["sha256"], "0" * 64))


@pytest.mark.parametrize(("damage", "words"), [(_truncate, "model.safetensors"), (_other_hash, "was changed")])
@pytest.mark.parametrize("verb", ["profile", "evaluate", "export", "latency"])
def test_a_damaged_checkpoint_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, damage: object, words: str, verb: str
) -> None:
    base = create_model(SPEC)
    plan = build_plan(base, SPEC, verify=False)
    full = tuple(tuple(range(group.units)) for group in plan.groups)
    folder = save_pruned(base, plan, full, tmp_path / "damaged")
    damage(folder)  # type: ignore[operator]
    assert words in refused(capsys, verb, "--checkpoint", str(folder))
