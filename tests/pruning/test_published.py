"""Which weights a name stands for."""

import pytest

from pruning.published import weights_words


def test_a_name_says_which_training_it_stands_for_and_which_is_the_baseline() -> None:
    assert weights_words("resnet50") == (
        "resnet50.a1_in1k; the baseline of 76.13 % that papers name is resnet50.tv_in1k"
    )
    assert weights_words("resnet50.tv_in1k") == "resnet50.tv_in1k"
    assert weights_words("resnet50.a2_in1k") == (
        "resnet50.a2_in1k; the baseline of 76.13 % that papers name is resnet50.tv_in1k"
    )


def test_where_there_is_no_other_baseline_none_is_named() -> None:
    assert weights_words("deit_tiny_patch16_224") == "deit_tiny_patch16_224.fb_in1k"


@pytest.mark.parametrize("name", ["resnet18_quarter", "torchvision:resnet50", "my.models:tiny", "nothing_like_it"])
def test_where_nothing_is_published_nothing_is_said(name: str) -> None:
    assert weights_words(name) is None
