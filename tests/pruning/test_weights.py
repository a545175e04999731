"""Tests of reading weights: every shape of file opens, without code of it running, or is refused with its keys."""

import argparse
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from pruning.errors import CheckpointError, NoStateDictError
from pruning.foreign import open_foreign
from pruning.models import ModelSpec
from pruning.weights import fitted, load_into, mismatch, read_file
from tests.pruning.saved import CHOSEN, NET, SHAPES, small_net, trained_net, write

SPEC = ModelSpec(NET, 10, (1, 32, 32))


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return trained_net()


@pytest.mark.parametrize("name", SHAPES)
def test_a_whole_model_opens_from_every_shape(net: nn.Module, tmp_path: Path, name: str) -> None:
    path, image = write(tmp_path, name, SHAPES[name](net)), torch.randn(2, 1, 32, 32)
    module = small_net().eval()
    notes = load_into(module, path, "the net")
    loose = 1e-2 if name == "half.pth" else 0.0
    torch.testing.assert_close(module(image), net(image), atol=loose, rtol=loose)
    assert [note for note in notes if CHOSEN.get(name, "half precision") in note] == list(notes)
    assert bool(notes) == (name in CHOSEN or name == "half.pth")


def test_a_pruned_file_opens_by_its_shapes_behind_prefixes(tmp_path: Path) -> None:
    small = small_net()
    small[0], small[1] = nn.Conv2d(1, 5, 3, 2, 1, bias=False), nn.BatchNorm2d(5)
    small[3] = nn.Conv2d(5, 12, 3, 2, 1, bias=False)
    state = {f"module.model.{name}": tensor for name, tensor in small.state_dict().items()}
    path = write(tmp_path, "small.ckpt", {"state_dict": state, "hparams": argparse.Namespace(width=5)})
    opened = open_foreign(path, SPEC, trust_pickle=False)
    image = torch.randn(2, 1, 32, 32)
    assert torch.equal(opened.module(image), small.eval()(image))
    assert [len(units) for units in opened.selection] == [5, 12]


def test_a_mismatch_names_the_first_keys_of_each_kind(net: nn.Module, tmp_path: Path) -> None:
    state = net.state_dict()
    del state["3.weight"], state["4.bias"]
    state |= {"extra.weight": torch.zeros(1), "8.weight": torch.zeros(7, 12)}
    with pytest.raises(CheckpointError) as raised:
        load_into(small_net(), write(tmp_path, "odd.pth", state), "the net")
    for words in (
        "2 of 14 that the model has are missing (3.weight, 4.bias)",
        "1 are unexpected (extra.weight)",
        "1 have another shape (8.weight [7, 12] for [10, 12])",
    ):
        assert words in str(raised.value)


def test_other_classes_are_a_head_to_train_anew_and_no_pruning(net: nn.Module, tmp_path: Path) -> None:
    path = write(tmp_path, "ten.pth", net.state_dict())
    with pytest.raises(CheckpointError, match=r"a head for 10 classes, and 7 are needed.*head:EPOCHS"):
        open_foreign(path, ModelSpec(NET, 7, (1, 32, 32)), trust_pickle=False)


class Loud:
    """Leaves a folder where it is unpickled."""

    def __init__(self, place: str) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self.place,)


def test_what_is_not_allow_listed_does_not_run(net: nn.Module, tmp_path: Path) -> None:
    content = {"state_dict": net.state_dict(), "args": argparse.Namespace(hook=Loud(str(tmp_path / "ran")))}
    path = write(tmp_path, "loud.pth.tar", content)
    with pytest.raises(NoStateDictError, match="--trust-pickle"):
        read_file(path)
    assert not (tmp_path / "ran").exists()
    assert read_file(path, trust_pickle=True).weights is not None
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("key", ["model", "ema", "net"])
def test_a_dict_that_holds_a_module_opens_only_with_trust(net: nn.Module, tmp_path: Path, key: str) -> None:
    path = write(tmp_path, "whole.pt", {key: nn.DataParallel(net).half(), "epoch": 3, "optimizer": None})
    net.float()
    with pytest.raises(NoStateDictError, match="--trust-pickle"):
        open_foreign(path, SPEC, trust_pickle=False)
    opened = open_foreign(path, SPEC, trust_pickle=True)
    image = torch.randn(2, 1, 32, 32)
    torch.testing.assert_close(opened.module(image), net(image), atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"epoch": 3, "model": None}, "a dict of 'epoch', 'model'"),
        ([torch.zeros(3)], "holds a list"),
        (torch.zeros(3), "holds a Tensor"),
    ],
)
def test_a_file_without_weights_is_told(tmp_path: Path, content: object, words: str) -> None:
    with pytest.raises(NoStateDictError, match=words):
        read_file(write(tmp_path, "no.pth", content))


def test_a_missing_file_and_a_folder_are_told_as_that(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no file"):
        read_file(tmp_path / "none.pth")
    with pytest.raises(CheckpointError, match="is no file"):
        read_file(tmp_path)


def test_names_of_the_model_itself_are_never_stripped() -> None:
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.head = nn.Linear(2, 2), nn.Linear(2, 2)

    model = Wrapped()
    assert fitted(model.state_dict(), model).keys() == model.state_dict().keys()
    behind = {f"module.{name}": tensor for name, tensor in model.state_dict().items()}
    assert mismatch(fitted(behind, model), model) is None


def test_two_names_never_become_one() -> None:
    state = {"module.weight": torch.ones(2, 2), "weight": torch.zeros(2, 2), "module.bias": torch.zeros(2)}
    assert fitted(state, nn.Linear(2, 2)).keys() == state.keys()


def test_one_wrapper_more_than_the_names_of_the_model_have_is_taken_off_once() -> None:
    class Inner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = nn.Linear(2, 3)

    inner = Inner()
    saved = {f"model.{name}": tensor for name, tensor in inner.state_dict().items()}
    assert set(fitted(saved, inner)) == {"model.weight", "model.bias"}


def test_names_that_fit_in_no_way_stay_as_they_are_in_the_file() -> None:
    saved = {"module.backbone.a": torch.zeros(1), "module.backbone.b": torch.zeros(1)}
    assert set(fitted(saved, nn.Linear(2, 3))) == set(saved)
