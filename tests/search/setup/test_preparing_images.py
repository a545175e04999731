"""How the images of a run are prepared: as its weights expect, as its user says, or as it began."""

from collections.abc import Mapping
from typing import Any

import pytest

from pruning.preprocessing import DEFAULT, Preprocessing, published_preprocessing
from search.errors import ConfigError
from search.setup.base_model import BaseSource, SourceKind
from search.setup.config import make_config
from search.setup.preparing_images import prepared_dataset
from tracking.payloads import PlanReady
from trainers.datasets.registry import dataset

PUBLISHED, TRAINED = BaseSource(SourceKind.PRETRAINED), BaseSource(SourceKind.TRAIN)


def prepared(
    source: BaseSource, fields: Mapping[str, Any], begun: PlanReady | None = None, name: str = "imagefolder"
) -> Preprocessing | None:
    config = make_config({"model": "resnet50", "dataset": name, **fields})
    return prepared_dataset(config, source, dataset(name), config.model, begun).preprocessing


def plan_of(preprocessing: Preprocessing | None) -> PlanReady:
    return PlanReady(
        counter="", groups=(), sets=0, floor_macs=1, baseline_macs=2, target_macs=1, band=(1, 1),
        preprocessing=None if preprocessing is None else preprocessing.model_dump(mode="json"),
    )  # fmt: skip


def test_published_weights_get_what_they_expect_and_others_the_default() -> None:
    assert prepared(PUBLISHED, {}) == published_preprocessing("resnet50") != DEFAULT
    assert prepared(TRAINED, {}) is None


def test_an_option_replaces_one_value() -> None:
    found = prepared(PUBLISHED, {"mean": "0.5,0.5,0.5", "crop": "1.0"})
    expected = published_preprocessing("resnet50")
    assert expected is not None
    assert found == expected.override(mean=(0.5, 0.5, 0.5), crop=1.0)
    trained = prepared(TRAINED, {"interpolation": "bicubic", "crop_mode": "squash"})
    assert trained == DEFAULT.override(interpolation="bicubic", crop_mode="squash")


def test_a_run_goes_on_as_it_began() -> None:
    """One of an earlier version, whose ledger says nothing, has the default, whatever its weights expect."""
    assert prepared(PUBLISHED, {}, plan_of(None)) is None
    other = DEFAULT.override(crop=0.95)
    assert prepared(PUBLISHED, {}, plan_of(other)) == other


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("digits", {"mean": [0.5]}, "--mean 0.5 cannot be used with --dataset digits"),
        ("shapes", {"crop": 0.9, "crop_mode": "border"}, "--crop 0.9 --crop-mode border cannot be used"),
        ("imagefolder", {"std": "0.2,0,0.2"}, r"--std 0\.2,0,0\.2 cannot be used.*above 0"),
        ("imagefolder", {"mean": "0.5,0.5"}, "mean has 2 values and std 3"),
    ],
)
def test_what_cannot_be_is_refused_with_the_option(name: str, fields: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        prepared(PUBLISHED, fields, name=name)


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"interpolation": "cubic"}, "interpolation = 'cubic'"), ({"crop": "0"}, "crop = '0'"), ({"std": "a,b"}, "'a'")],
)
def test_and_what_is_no_value_at_all_by_the_configuration(fields: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make_config(fields)


def test_built_in_datasets_are_prepared_in_their_own_way() -> None:
    assert prepared(PUBLISHED, {}, name="shapes") is None
