"""Which weights a model's name stands for: most of timm's have several trainings, and one of them is the default."""

import torchvision
from timm.models import get_pretrained_cfg, is_model_pretrained

from pruning.factories import is_factory

_BASELINE = "tv_in1k"
"""timm's tag for torchvision's first weights, which most papers compare with."""


def weights_words(name: str) -> str | None:
    """Say which published weights a name of timm's stands for, and where the usual baseline is another.

    Args:
        name: as in `ModelSpec.name`, with or without a tag.

    Returns:
        A line; None where timm publishes none.
    """
    if is_factory(name) or name.startswith("torchvision:") or not is_model_pretrained(name):
        return None
    published = get_pretrained_cfg(name)
    if published is None or not published.tag:
        return None
    said = f"{published.architecture}.{published.tag}"
    baseline, accuracy = f"{published.architecture}.{_BASELINE}", _first_accuracy(str(published.architecture))
    if published.tag == _BASELINE or accuracy is None or not is_model_pretrained(baseline):
        return said
    return f"{said}; the baseline of {accuracy:.2f} % that papers name is {baseline}"


def _first_accuracy(architecture: str) -> float | None:
    """The top-1 accuracy on ImageNet, in percent, of torchvision's first weights, as torchvision states it."""
    try:
        first = torchvision.models.get_model_weights(architecture)["IMAGENET1K_V1"]
        return float(first.meta["_metrics"]["ImageNet-1K"]["acc@1"])
    except (ValueError, KeyError):
        return None
