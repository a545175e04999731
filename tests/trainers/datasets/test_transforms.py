"""Scoring is timm's, pixel for pixel; training is random, and follows from its seed."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data.config import resolve_data_config
from timm.data.transforms_factory import create_transform
from timm.models import get_pretrained_cfg
from torchvision.models import get_model_weights

from pruning.preprocessing import DEFAULT, published_preprocessing
from trainers.datasets.augmentation import STANDARD, Augmentation
from trainers.datasets.imagefolder import FolderSplit
from trainers.datasets.transforms import TrainingTransform, drawn_part

MODELS = (
    "resnet50", "resnet50.tv_in1k", "resnet101", "resnet18", "convnext_small", "convnext_tiny.in12k_ft_in1k",
    "deit_tiny_patch16_224", "deit3_small_patch16_224", "vit_tiny_patch16_224", "vit_base_patch32_224",
    "mixer_b16_224", "beit_base_patch16_224", "swin_tiny_patch4_window7_224", "mobilenetv3_large_100",
    "mobilenetv3_large_100.miil_in21k_ft_in1k", "efficientnet_b0", "tf_efficientnet_b0.ap_in1k", "regnety_008",
    "densenet121", "inception_v3", "xception41", "dpn68", "efficientvit_b1", "eva02_tiny_patch14_336",
    "vit_base_patch16_clip_224.openai_ft_in1k", "levit_128", "mobilevit_s",
    "dm_nfnet_f0", "tf_efficientnetv2_b3.in21k_ft_in1k",
)  # fmt: skip
SIZES = (61, 47), (500, 375), (333, 421)
"""Width and height: smaller than most inputs, a usual photograph, and both sides odd."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder, draw, made = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0), []
    for number, size in enumerate(SIZES):
        coarse = Image.fromarray(draw.integers(0, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8))
        made.append(folder / f"{number}.jpg")
        coarse.resize(size, Image.Resampling.BICUBIC).save(made[-1])
    return made


def scored(pictures: list[Path], size: tuple[int, int, int], name: str) -> torch.Tensor:
    samples = [(str(path), 0) for path in pictures]
    split = FolderSplit(samples, size, 0, published_preprocessing(name) or DEFAULT)
    return split.images(torch.arange(len(samples)))


@pytest.mark.parametrize("name", MODELS)
def test_a_picture_is_scored_as_by_timm(name: str, pictures: list[Path]) -> None:
    published = get_pretrained_cfg(name)
    assert published is not None
    config = resolve_data_config(pretrained_cfg=published.to_dict())
    transform = create_transform(**config)
    expected = torch.stack([transform(Image.open(path).convert("RGB")) for path in pictures])
    assert torch.equal(scored(pictures, config["input_size"], name), expected)


def test_these_models_differ_in_what_they_expect() -> None:
    found = [published_preprocessing(name) for name in MODELS]
    assert len(MODELS) >= 20
    assert sum(one is not None and one.mean != DEFAULT.mean for one in found) >= 5
    assert {one.crop_mode for one in found if one} >= {"center", "squash"}
    assert {one.crop for one in found if one} >= {0.875, 0.95, 1.0}
    assert {one.interpolation for one in found if one} == {"bilinear", "bicubic"}


def test_and_torchvisions_weights_as_by_torchvision(pictures: list[Path]) -> None:
    transform = get_model_weights("swin_t").DEFAULT.transforms()
    expected = torch.stack([transform(Image.open(path).convert("RGB")) for path in pictures])
    assert torch.allclose(scored(pictures, (3, 224, 224), "torchvision:swin_t"), expected, atol=1e-6)


def test_borders_are_filled_with_the_mean(pictures: list[Path]) -> None:
    bordered = DEFAULT.override(crop_mode="border", crop=1.0)
    split = FolderSplit([(str(pictures[1]), 0)], (3, 64, 64), 0, bordered)
    image = split.images(torch.tensor([0]))[0]
    assert image[:, 0].abs().max() < 0.02, "above a wide picture"
    assert image[:, 32].abs().max() > 0.5


@pytest.mark.parametrize("augmentation", [STANDARD, Augmentation(auto="rand-m9-mstd0.5-inc1", erasing=1.0)])
def test_what_is_random_follows_from_the_seed_and_from_nothing_else(augmentation: Augmentation) -> None:
    picture = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (3, 70, 90), dtype=np.uint8))
    transform = TrainingTransform((3, 32, 32), DEFAULT, augmentation)
    first = transform(picture, 5)
    random.seed(9)
    np.random.seed(9)
    torch.manual_seed(9)
    before = random.getstate(), torch.get_rng_state()
    assert torch.equal(transform(picture, 5), first)
    assert random.getstate() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert not torch.equal(transform(picture, 6), first)
    assert (first.shape, first.dtype) == ((3, 32, 32), torch.uint8)


def test_a_part_lies_in_its_image_and_has_the_share_that_was_asked_for() -> None:
    draw = random.Random(0)
    parts = [drawn_part((375, 500), (0.25, 1.0), (3 / 4, 4 / 3), draw) for _ in range(4000)]
    assert all(top >= 0 and left >= 0 and top + h <= 375 and left + w <= 500 for top, left, h, w in parts)
    assert all(0.24 < h * w / (375 * 500) <= 1 and 0.73 < w / h < 1.36 for _, _, h, w in parts)
    assert {top for top, *_ in parts} >= set(range(60)), "everywhere"
    mirrored = [drawn_part((500, 375), (0.25, 1.0), (3 / 4, 4 / 3), draw) for _ in range(4000)]
    assert abs(sum(h * w for *_, h, w in parts) / sum(h * w for *_, h, w in mirrored) - 1) < 0.02


@pytest.mark.parametrize(("of", "part"), [((10, 400), (0, 193, 10, 13)), ((400, 10), (193, 0, 13, 10))])
def test_where_no_part_fits_it_is_the_middle(of: tuple[int, int], part: tuple[int, int, int, int]) -> None:
    assert drawn_part(of, (1.0, 1.0), (3 / 4, 4 / 3), random.Random(0)) == part


def test_half_of_the_pictures_are_mirrored_and_all_are_erased_if_that_is_asked_for() -> None:
    ramp = torch.arange(64, dtype=torch.uint8).expand(3, 64, 64)
    plain = TrainingTransform((3, 64, 64), DEFAULT, Augmentation(scale=(1, 1), ratio=(1, 1)))
    mirrored = sum(bool(plain(ramp, seed)[0, 0, 0] > 32) for seed in range(400))
    assert 160 < mirrored < 240
    erasing = TrainingTransform((3, 64, 64), DEFAULT, Augmentation(scale=(1, 1), ratio=(1, 1), flip=0, erasing=1))
    changed = [float((erasing(ramp, seed) != ramp).any(0).float().mean()) for seed in range(200)]
    assert min(changed) > 0.01
    assert max(changed) < 0.36
    assert torch.equal(ramp, torch.arange(64, dtype=torch.uint8).expand(3, 64, 64)), "the picture itself stays"


def test_floats_are_taken_as_they_are() -> None:
    picture = torch.rand(3, 8, 8)
    assert TrainingTransform((3, 8, 8), DEFAULT, STANDARD)(picture, 1) is picture


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"auto": "nonsense-m9"}, "'nonsense-m9' describes no automatic augmentation"),
        ({"scale": (0.9, 0.1)}, "the smaller value comes first"),
        ({"scale": (0.5, 1.5)}, "the whole image"),
        ({"erasing": 1.5}, "erasing"),
    ],
)
def test_augmentations_that_cannot_be_are_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Augmentation.model_validate(given)
