"""The verbs `finetune` and `train`: GPUs, nodes and workers as a search has them, and files that others publish."""

import dataclasses
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cli.main import main
from cli.pasted import evaluate_line
from pruning.checkpoint import load_pruned, read_architecture, save_pruned
from pruning.models import ModelSpec, create_model
from pruning.planning import build_plan
from pruning.preprocessing import DEFAULT
from search.errors import ConfigError
from search.execution.survey import finetune_session
from search.setup.base_model import obtain_base
from search.setup.base_source import BaseSource, SourceKind, check_source
from search.setup.config import RunConfig, make_config
from search.setup.holdout_training import has_seen_holdout
from search.setup.resources import Machines, Needs, Node
from tests.cli.awkward_tree import make_tree
from tests.published import TINY
from tests.trainers.pruned import SPEC, pruned_checkpoint, same_bits
from trainers.base import BaseModel, initial_model, train_base
from trainers.choices import Precision
from trainers.datasets.digits import Digits
from trainers.defaults import base_recipe, finetune_recipe
from trainers.devices import CPU
from trainers.job import STARTED, FinetuneJob, FinetuneResult, run_job
from trainers.place import Place
from trainers.recipe_words import in_words
from trainers.workers import Workers

SMALL = "tests.trainers.small:plain_net"
ON_CPUS = ("--no-finetune-gpu",)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pruned_checkpoint(tmp_path_factory.mktemp("pruned"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The configuration that a session is opened for, and what is trained in it; nothing is."""
    asked: list[Any] = []

    @contextmanager
    def session(config: RunConfig) -> Iterator[tuple[Workers, bool]]:
        asked.append(config)
        yield Workers(2, 8), config.finetune_gpu is not False

    def train(*given: Any, **options: Any) -> FinetuneResult:
        asked.append({"start": given[0], "data": given[1:3], "recipe": given[3], **options})
        return FinetuneResult(options["out_dir"] / "model", (), 1.0, 3, completed=True)

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("search.execution.survey.finetune_session", session)
    monkeypatch.setattr("trainers.finetune.finetune", train)
    return asked


def test_it_has_the_gpu_options_of_a_search(
    checkpoint: Path, tmp_path: Path, asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--workers", "2-8", "--finetune-gpu", "--wait-for-nodes", "30", "--epochs", "1")
    assert main(["finetune", "--checkpoint", str(checkpoint), "--out", str(tmp_path / "out"), *more]) == 0
    config, options = asked
    assert (config.finetune_workers, config.finetune_gpu, config.wait_for_nodes) == (Workers(2, 8), True, 30.0)
    assert config.cluster is None
    assert (options["workers"], options["use_gpu"], options["recipe"].epochs) == (Workers(2, 8), True, 1)
    said = capsys.readouterr().out
    assert "training on 2 to 8 workers, each with a GPU" in said
    assert "on 3 workers in 1.0 s" in said
    model = tmp_path / "out" / "model"
    assert f"test it: python launch.py evaluate --checkpoint {model} --dataset digits\n" in said
    awkward = evaluate_line(model, "nets:make", "imagefolder", Path("my data"))
    assert awkward.endswith("imagefolder --data-path 'my data' --trust-factory nets:make")


def test_a_checkpoint_that_was_trained_on_the_holdout_is_told_from_one_that_was_not(
    checkpoint: Path, tmp_path: Path, asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Scores on the holdout are no holdout scores of it; the verb itself keeps the holdout apart unless it is asked."""
    trained = {"dataset": "digits", "seed": 42, "finetune": {"train_on_holdout": True}}
    seen = pruned_checkpoint(tmp_path / "seen", recipe=trained)
    for start, warned in ((seen, True), (checkpoint, False)):
        assert main(["finetune", "--checkpoint", str(start), "--out", str(tmp_path / start.name)]) == 0
        assert ("was trained on the holdout of digits, too" in capsys.readouterr().out) is warned
        assert not asked[-1]["recipe"].train_on_holdout
    assert not has_seen_holdout(trained, "shapes")
    assert not has_seen_holdout({**trained, "finetune": {}}, "digits")


@pytest.mark.parametrize("whole", [False, True])
def test_a_published_file_is_trained_as_it_is(checkpoint: Path, tmp_path: Path, asked: list[Any], whole: bool) -> None:
    own = load_pruned(checkpoint)
    file = tmp_path / "resnet_pruned_clean.pt"
    torch.save(own.module if whole else own.module.state_dict(), file)
    line = ["finetune", "--model", "resnet18_quarter", "--checkpoint", str(file), "--out", str(tmp_path / "out")]
    assert main([*line, *(["--trust-pickle"] if whole else [])]) == 0
    start = asked[1]["start"]
    assert start == tmp_path / "out" / "start"
    again = load_pruned(start)
    assert again.macs == own.macs
    assert same_bits(again.module.state_dict(), own.module.state_dict())
    assert again.metadata["recipe"] == {"imported from": file.name}


def test_a_published_line_needs_no_dataset_and_its_images_are_prepared_as_asked(
    tmp_path: Path, asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_tree(tmp_path / "images", classes=4, each=8)
    weights = create_model(ModelSpec(TINY, 4, (3, 224, 224))).state_dict()
    torch.save(weights, tmp_path / "pruned_clean.pt")
    source = f"--model {TINY} --checkpoint {tmp_path}/pruned_clean.pt --data_path {data}"
    images = "--crop 0.9 --interpolation bicubic"
    assert main([*f"finetune {source} --epochs 1 {images}".split(), "--out", str(tmp_path / "out")]) == 0
    assert asked[1]["data"] == ("imagefolder", data)
    captured = capsys.readouterr()
    assert "dataset: imagefolder, because there is a --data-path" in captured.err + captured.out
    words = "224×224, centre 0.9, bicubic, mean (0.485, 0.456, 0.406)"
    assert f"images   {words}" in captured.out
    assert "the data set's own way but for --interpolation bicubic --crop 0.9\n" in captured.out
    assert read_architecture(asked[1]["start"]).preprocessing == DEFAULT.override(interpolation="bicubic", crop=0.9)
    # What the checkpoint says is used where it is scored, and what contradicts it is used with a word.
    checkpoint = ["evaluate", "--checkpoint", str(asked[1]["start"]), "--data-path", str(data)]
    assert main([*checkpoint, "--mean", "0.5,0.5,0.5"]) == 0
    said = capsys.readouterr().out
    assert "images   224×224, centre 0.9, bicubic, mean (0.5, 0.5, 0.5)" in said
    assert "from the checkpoint but for --mean 0.5,0.5,0.5, where the checkpoint says --mean 0.485,0.456,0.406" in said
    # And as the published file is, with the same options, it scores the same.
    scored = []
    for line in (" ".join(checkpoint), f"evaluate {source} {images}"):
        assert main([*line.split(), "--json"]) == 0
        captured = capsys.readouterr()
        scored.append(json.loads(captured.out))
    assert scored[0]["preprocessing"].startswith(words)
    assert "the data set's own way but for" in captured.err
    same = ("preprocessing", "correct", "total", "accuracy_top5", "macs")
    assert [scored[0][name] for name in same] == [scored[1][name] for name in same]
    assert main([*f"evaluate {source} --std 0,1,1".split()]) == 2
    assert "--std 0,1,1 cannot be used" in capsys.readouterr().err


def test_an_unpruned_file_is_trained_as_it_is(tmp_path: Path, asked: list[Any]) -> None:
    torch.save({"state_dict": create_model(SPEC).state_dict()}, tmp_path / "base.pth")
    line = [
        "finetune",
        "--model",
        SPEC.name,
        "--checkpoint",
        str(tmp_path / "base.pth"),
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(line) == 0
    document = read_architecture(asked[1]["start"])
    assert document.params == document.baseline_params


def test_train_begins_with_the_weights_that_a_search_would_train(
    tmp_path: Path, asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["train", "--model", SPEC.name, "--out", str(tmp_path / "base"), "--seed", "3", "--epochs", "2", *ON_CPUS]
    assert main(line) == 0
    options = asked[1]
    assert (options["data"], options["seed"]) == (("digits", None), 3)
    assert options["recipe"] == base_recipe("digits").override(epochs=2).resolved(gpu=False)
    assert same_bits(load_pruned(options["start"]).module.state_dict(), initial_model(SPEC, 3).state_dict())
    said = " ".join(capsys.readouterr().out.split())
    assert f"search --model {SPEC.name} --base {tmp_path}/base/model --dataset digits --seed 3" in said


def test_what_is_trained_is_what_was_printed(
    tmp_path: Path, asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--model", SPEC.name, "--out", str(tmp_path / "base"), "--precision", "bf16"]) == 0
    recipe = asked[1]["recipe"]
    assert (recipe.precision, recipe.channels_last) == (Precision.BF16, True), "the session has GPUs"
    assert " ".join(f"recipe {in_words(recipe)}".split()) in " ".join(capsys.readouterr().out.split())


def opened_as_base(source: BaseSource, spec: ModelSpec, seed: int) -> BaseModel:
    splits = Digits().splits(seed=seed)
    recipe = base_recipe("digits")
    return obtain_base(source, spec, Digits(), splits, recipe, seed=seed, data_path=None, progress=lambda _: None)


def test_a_trained_base_is_that_of_a_search_and_opens_as_one(
    tmp_path: Path, asked: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The same bits as `--base train` has: loop, weights, order and holdout are the same."""
    assert main(["train", "--model", SPEC.name, "--out", str(tmp_path / "base"), "--epochs", "1", *ON_CPUS]) == 0
    options = asked[1]
    job = FinetuneJob(
        checkpoint_dir=options["start"], dataset="digits", recipe=options["recipe"], seed=42, out_dir=tmp_path / "base"
    )
    history = run_job(job, Place(torch.device("cpu"))).history
    trained = train_base(SPEC, Digits(), options["recipe"], seed=42, cache_dir=tmp_path / "cache")
    source = check_source(make_config({"base": str(tmp_path / "base" / "model")}))
    assert source.kind is SourceKind.CHECKPOINT
    base = opened_as_base(source, SPEC, 42)
    assert same_bits(base.module.state_dict(), trained.module.state_dict())
    assert base.accuracy_holdout == trained.accuracy_holdout == history[-1].holdout_accuracy
    assert not caplog.records
    opened_as_base(source, SPEC, 43)
    assert "it has trained on images of this search's holdout" in caplog.text


def test_what_is_no_base_is_refused_as_one(checkpoint: Path) -> None:
    source = BaseSource(SourceKind.CHECKPOINT, checkpoint)
    with pytest.raises(ConfigError, match="holds a pruned resnet18_quarter"):
        opened_as_base(source, SPEC, 0)
    with pytest.raises(ConfigError, match=r"10 classes at 1×32×32, and this search is of a .* with 20 classes"):
        opened_as_base(source, dataclasses.replace(SPEC, num_classes=20), 0)


def test_what_is_no_number_of_workers_is_refused(
    checkpoint: Path, tmp_path: Path, asked: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["finetune", "--checkpoint", str(checkpoint), "--out", str(tmp_path / "out"), "--workers", "8-2"]) == 2
    assert "--workers '8-2' cannot be used" in " ".join(capsys.readouterr().err.split())
    assert asked == []


@pytest.mark.ray
@pytest.mark.parametrize("what", ["other images", "another label", "more classes", "same sizes"])
def test_what_another_folder_began_is_not_gone_on_with(
    ray_session: None, tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Through the command line, before a worker starts."""
    data, out, checkpoint = write_images(tmp_path / "data", 0), tmp_path / "out", small_checkpoint(tmp_path / "small")
    recipe = finetune_recipe("imagefolder", batch_norm=False, images=None).override(epochs=1, batch_size=4)
    out.mkdir()
    begun = FinetuneJob(
        checkpoint_dir=checkpoint, dataset="imagefolder", data_path=data, recipe=recipe, seed=42, out_dir=out,
        trusted=(SMALL,),
    )  # fmt: skip
    run_job(begun, Place(CPU))
    told = "the training images or their labels differ. Delete "
    if what == "other images":
        data = write_images(tmp_path / "other", 1)
    elif what == "same sizes":
        # Uncompressed pictures of both classes, exchanged under their names.
        told = "the contents of one image file or more differ, "
        (data / "train" / "a").rename(data / "kept")
        (data / "train" / "b").rename(data / "train" / "a")
        (data / "kept").rename(data / "train" / "b")
    elif what == "another label":
        (data / "train" / "a" / "0.bmp").rename(data / "train" / "b" / "moved.bmp")
    else:
        shutil.copytree(data / "train" / "a", data / "train" / "c")
        shutil.copytree(data / "val" / "a", data / "val" / "c")
        told = "has 2 classes, the dataset 'imagefolder' has 3"
    given = ("--dataset", "imagefolder", "--data-path", str(data), "--epochs", "1", "--batch-size", "4")
    named = ("--checkpoint", str(checkpoint), "--out", str(out), "--trust-factory", SMALL, "--workers", "1")
    assert main(["finetune", *named, *given]) == 2
    assert told in " ".join(capsys.readouterr().err.split())
    assert not (out / STARTED).exists()


def small_checkpoint(folder: Path) -> Path:
    """A whole network for two classes."""
    spec = ModelSpec(SMALL, 2, (3, 16, 16))
    model = initial_model(spec, 0)
    plan = build_plan(model, spec, verify=False)
    return save_pruned(model, plan, tuple(tuple(range(group.units)) for group in plan.groups), folder)


def write_images(folder: Path, seed: int) -> Path:
    """Two classes of noise, `a` and `b`; the sizes of the files differ with the seed."""
    rng = np.random.default_rng(seed)
    for place in ("train/a", "train/b", "val/a", "val/b"):
        (folder / place).mkdir(parents=True)
        for number in range(8):
            Image.fromarray(rng.integers(0, 256, (20, 20 + seed, 3), dtype=np.uint8)).save(
                folder / place / f"{number}.bmp"
            )
    return folder


@pytest.mark.parametrize(
    ("options", "workers", "gpu"),
    [({}, Workers(4, 4), True), ({"finetune_gpu": False}, Workers(2, 2), False)],
)
def test_without_a_word_it_takes_the_gpus_of_the_machine(
    options: dict[str, Any], workers: Workers, gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Needs] = []

    @contextmanager
    def session(address: str | None, needs: Needs) -> Iterator[None]:
        assert address is None
        started.append(needs)
        yield

    monkeypatch.setattr("search.execution.survey.this_machine", lambda: Machines((Node(16, 4),)))
    monkeypatch.setattr("search.execution.survey.ray_session", session)
    with finetune_session(make_config(options)) as found:
        assert found == (workers, gpu)
    assert started == [Needs(0, 1.0, 0.0, workers, gpu)]
