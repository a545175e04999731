"""Weights for other classes than the data's: refused, or under a new head that is trained first, with words."""

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pruning.heads import head_names, published_classes
from pruning.models import ModelSpec, create_model
from search.errors import ConfigError
from search.setup.base_model import obtain_base
from search.setup.base_source import BaseSource, SourceKind, check_head, check_source
from search.setup.config import make_config
from search.setup.preparation import prepare
from tests.published import TINY, Hub, fake_hub, published_weights
from trainers.base import BaseModel
from trainers.datasets.base import Splits
from trainers.datasets.digits import Digits
from trainers.datasets.memory import TensorSplit
from trainers.errors import TrunkError
from trainers.history import EpochReport
from trainers.recipe import Recipe

SPEC = ModelSpec(TINY, 10, (1, 32, 32))
RECIPE = Recipe(lr=0.01, epochs=30, warmup_epochs=1, batch_size=32)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hub:
    monkeypatch.setenv("ESPALIER_CACHE_DIR", str(tmp_path / "cache"))
    return fake_hub(monkeypatch)


@pytest.fixture(scope="module")
def splits() -> Splits:
    found = Digits().splits(seed=0)
    train, holdout = found.train, found.holdout
    assert isinstance(train, TensorSplit)
    assert isinstance(holdout, TensorSplit)
    return Splits(found.info, train.take(torch.arange(320)), holdout.take(torch.arange(120)), found.test)


def obtained(source: BaseSource, splits: Splits, seen: list[EpochReport] | None = None) -> BaseModel:
    progress = (lambda _: None) if seen is None else seen.append
    return obtain_base(source, SPEC, Digits(), splits, RECIPE, seed=0, data_path=None, progress=progress)


@pytest.mark.parametrize("name", [TINY, "torchvision:squeezenet1_1"])
def test_published_weights_for_other_classes_are_refused_before_anything(name: str) -> None:
    channels = {"dataset": "shapes", "model": name, "base": "pretrained"}
    with pytest.raises(ConfigError) as error:
        prepare(make_config(channels), {})
    for words in ("1,000 classes", "'shapes' has 20", "--base head:EPOCHS", "--base train"):
        assert words in str(error.value)


@pytest.mark.parametrize("pretrained_name", [TINY, "torchvision:squeezenet1_1"])
def test_no_model_gets_a_random_head_in_silence(pretrained_name: str, hub: Hub) -> None:
    with pytest.raises(ValueError, match=r"for 1,000 classes, and 7 are needed"):
        create_model(ModelSpec(pretrained_name, 7, (3, 64, 64)), pretrained=True)
    assert hub.sent == 0


def test_weights_for_the_same_classes_are_loaded(hub: Hub) -> None:
    spec = ModelSpec(TINY, 1000, (3, 64, 64))
    check_head(BaseSource(SourceKind.PRETRAINED), spec, "imagenet")
    module = create_model(spec, pretrained=True)
    assert hub.sent == 1
    assert all(torch.equal(tensor, hub.weights[name]) for name, tensor in module.state_dict().items())


def test_a_new_head_is_trained_on_the_frozen_trunk(hub: Hub, splits: Splits) -> None:
    seen: list[EpochReport] = []
    base = obtained(BaseSource(SourceKind.HEAD, None, 8), splits, seen)
    head = head_names(SPEC)
    assert head == ("fc.weight", "fc.bias")
    trunk = create_model(dataclasses.replace(SPEC, num_classes=1000), pretrained=True).state_dict()
    for name, tensor in base.module.state_dict().items():
        assert name in head or torch.equal(tensor, trunk[name]), name
    assert [report.epoch for report in seen] == list(range(1, 9))
    assert base.accuracy_holdout is not None
    assert seen[-1].train_loss < 0.8 * seen[0].train_loss
    assert base.accuracy_holdout == seen[-1].holdout_accuracy
    assert base.accuracy_holdout > 0.25, "chance is 0.1"
    assert base.made == (
        "a new head for 10 classes (fc.weight, fc.bias), trained for 8 epochs on the frozen trunk of the published "
        "test_resnet (1,000 classes)"
    )
    assert not base.cached
    assert all(parameter.requires_grad for parameter in base.module.parameters()), "a fine-tune trains all of it"

    again = obtained(BaseSource(SourceKind.HEAD, None, 8), splits, seen)
    assert again.cached
    assert len(seen) == 8
    assert (again.made, again.accuracy_holdout) == (base.made, base.accuracy_holdout)

    hub.weights = published_weights(seed=1)
    other = obtained(BaseSource(SourceKind.HEAD, None, 8), splits)
    assert not other.cached, "another trunk is another base"


def test_the_trunk_may_come_from_a_file(hub: Hub, splits: Splits, tmp_path: Path) -> None:
    file = tmp_path / "theirs.safetensors"
    save_file(published_weights(channels=1), file)
    with pytest.raises(ConfigError) as error:
        obtained(BaseSource(SourceKind.FILE, file), splits)
    for words in ("has a head for 1,000 classes", "the dataset has 10", f"--base head:EPOCHS:{file}", "--base train"):
        assert words in str(error.value)
    base = obtained(BaseSource(SourceKind.HEAD, file, 1), splits)
    assert base.made is not None
    assert str(file) in base.made
    assert hub.sent == 0
    save_file(published_weights("test_vit", channels=3), file)
    with pytest.raises(TrunkError, match="no trunk of test_resnet"):
        obtained(BaseSource(SourceKind.HEAD, file, 1), splits)


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("head", "does not say for how many epochs"),
        ("head:", "does not say for how many epochs"),
        ("head:0", "'head:0' does not say"),
        ("head:-1", "does not say"),
        ("head:five", "'head:five' does not say"),
        ("head:3:no/such.pth", "'no/such.pth', which is not there"),
    ],
)
def test_what_is_no_head_is_refused(base: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_source(make_config({"base": base}))


def test_a_model_without_published_weights_has_no_published_trunk() -> None:
    assert published_classes("resnet18_quarter") is None
    with pytest.raises(ConfigError, match="head:EPOCHS:FILE"):
        check_head(BaseSource(SourceKind.HEAD, None, 8), ModelSpec("resnet18_quarter", 10, (1, 32, 32)), "digits")
