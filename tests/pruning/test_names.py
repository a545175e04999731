"""What a name stands for: what it begins, before what it is spelt like."""

import pytest

from pruning.names import full_name, near_models


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("deit_tiny", "deit_tiny_patch16_224"),
        ("deit_tiny.fb_in1k", "deit_tiny_patch16_224.fb_in1k"),
        ("vit_base", "vit_base_patch16_224"),
        ("resnet50", "resnet50"),
        ("vit_b_16", "vit_b_16"),
        ("deit_tin", "deit_tin"),
        ("mine:deit_tiny", "mine:deit_tiny"),
    ],
)
def test_a_short_name_stands_for_the_one_that_adds_only_sizes(name: str, full: str) -> None:
    assert full_name(name) == full


def test_names_that_begin_alike_come_before_names_of_similar_spelling() -> None:
    assert near_models("deit_ti")[:2] == ("deit_tiny_patch16_224", "deit_tiny_distilled_patch16_224")
    assert near_models("resnet51")[0] == "resnet51q"
    assert "resnet50" in near_models("resnnet50")
    assert near_models("qqqqqqqqqqqq") == ()
