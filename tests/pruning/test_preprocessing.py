"""What published weights expect of images, and what is refused of preprocessing."""

import json
from pathlib import Path

import pytest
from timm.data.config import resolve_data_config
from timm.models import get_pretrained_cfg
from torchvision.models import ResNet50_Weights

from pruning.errors import ModelCreationError, PreprocessingError
from pruning.preprocessing import DEFAULT, CropMode, Interpolation, Preprocessing, published_preprocessing


def test_the_words_of_the_default_are_those_that_states_of_earlier_versions_hold() -> None:
    expected = "224×224, centre 0.875, bilinear, mean (0.485, 0.456, 0.406), deviation (0.229, 0.224, 0.225)"
    assert DEFAULT.in_words(224, 224) == expected


def test_whatever_differs_is_in_the_words() -> None:
    ways: list[dict[str, object]] = [
        {}, {"mean": (0.5,) * 3}, {"std": (0.5,) * 3}, {"interpolation": "bicubic"}, {"crop": 0.95},
        {"crop_mode": "squash"}, {"crop_mode": "border"},
    ]  # fmt: skip
    assert len({DEFAULT.override(**way).in_words(224, 224) for way in ways}) == len(ways)


@pytest.mark.parametrize("name", ["resnet50", "resnet50.tv_in1k", "deit_tiny_patch16_224", "vit_tiny_patch16_224"])
def test_timms_weights_say_what_they_expect(name: str) -> None:
    published = get_pretrained_cfg(name)
    assert published is not None
    expected, found = resolve_data_config(pretrained_cfg=published.to_dict()), published_preprocessing(name)
    assert found is not None
    assert (found.mean, found.std) == (expected["mean"], expected["std"])
    assert (found.interpolation, found.crop) == (expected["interpolation"], expected["crop_pct"])
    assert found.crop_mode == expected["crop_mode"]


def test_the_same_model_of_two_trainings_expects_two_things() -> None:
    assert published_preprocessing("resnet50") != published_preprocessing("resnet50.tv_in1k") == DEFAULT


@pytest.mark.parametrize("name", ["torchvision:resnet50", "torchvision:swin_t"])
def test_torchvisions_weights_say_it_too(name: str) -> None:
    found = published_preprocessing(name)
    assert found is not None
    assert int(224 / found.crop) == 232, "the side that images are resized to"
    assert found.interpolation is (Interpolation.BILINEAR if "resnet" in name else Interpolation.BICUBIC)
    assert list(found.mean) == ResNet50_Weights.DEFAULT.transforms().mean


@pytest.mark.parametrize("name", ["resnet18_quarter", "my.models:tiny", "no_such_model", "torchvision:raft_large"])
def test_where_nothing_is_published_nothing_is_said(name: str) -> None:
    assert published_preprocessing(name) is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"std": (0.2, 0.0, 0.2)}, "above 0"),
        ({"mean": (0.5, 0.5)}, r"mean has 2 values and std 3"),
        ({"crop": 0.0}, r"crop.*0\.0"),
        ({"interpolation": "cubic"}, "cubic"),
        ({"mean": ()}, "mean"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(given: dict[str, object], said: str) -> None:
    with pytest.raises(PreprocessingError, match=said):
        DEFAULT.override(**given)


def test_a_value_that_is_not_given_stays() -> None:
    found = Preprocessing(crop=1.0, crop_mode=CropMode.SQUASH).override(crop=None, interpolation="bicubic")
    assert found == Preprocessing(crop=1.0, crop_mode=CropMode.SQUASH, interpolation=Interpolation.BICUBIC)


def test_weights_in_a_folder_of_the_hubs_form_say_it_in_their_description(tmp_path: Path) -> None:
    stated = {"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic", "crop_pct": 0.9}
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "resnet18", "pretrained_cfg": stated}))
    expected = DEFAULT.override(mean=(0.1, 0.2, 0.3), std=(0.5,) * 3, interpolation="bicubic", crop=0.9)
    assert published_preprocessing(f"local-dir:{tmp_path}") == expected
    with pytest.raises(ModelCreationError, match="cannot be read"):
        published_preprocessing(f"local-dir:{tmp_path / 'nowhere'}")
