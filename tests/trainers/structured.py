"""Small classifiers whose logits lie inside something else."""

import dataclasses
from typing import Any

from torch import Tensor, nn


class Multi(nn.Module):
    """Returns the logits and the features of two stages."""

    def __init__(self, num_classes: int = 10, in_chans: int = 1) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(in_chans, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU())
        self.inner = nn.Sequential(nn.Conv2d(8, 12, 3, 1, 1), nn.ReLU(), nn.Conv2d(12, 8, 1), nn.ReLU())
        self.last = nn.Sequential(nn.Conv2d(8, 12, 3, 2, 1), nn.BatchNorm2d(12), nn.ReLU())
        self.head = nn.Linear(12, num_classes)

    def forward(self, images: Tensor) -> Any:
        low = self.inner(self.first(images))
        high = self.last(low)
        return self.head(high.mean((2, 3))), [low, high]


class Mapped(Multi):
    def forward(self, images: Tensor) -> Any:
        logits, (low, high) = super().forward(images)
        return {"features": {"low": low, "high": high}, "logits": logits}


@dataclasses.dataclass
class Answer:
    logits: Tensor
    low: Tensor


class Told(Multi):
    def forward(self, images: Tensor) -> Any:
        logits, (low, _) = super().forward(images)
        return Answer(logits, low)


class Twins(Multi):
    """Two heads of one shape, called `coarse` and `fine`, and features before them."""

    def __init__(self, num_classes: int = 10, in_chans: int = 1) -> None:
        super().__init__(num_classes, in_chans)
        self.fine = nn.Linear(12, num_classes)

    def forward(self, images: Tensor) -> Any:
        logits, (low, high) = super().forward(images)
        return {"features": low, "coarse": logits, "fine": self.fine(high.mean((2, 3)))}


def nested(num_classes: int, in_chans: int) -> nn.Module:
    return Multi(num_classes, in_chans)


def mapped(num_classes: int, in_chans: int) -> nn.Module:
    return Mapped(num_classes, in_chans)


def told(num_classes: int, in_chans: int) -> nn.Module:
    return Told(num_classes, in_chans)


def twins(num_classes: int, in_chans: int) -> nn.Module:
    return Twins(num_classes, in_chans)


def wide(in_chans: int) -> nn.Module:
    """Twelve classes, whatever number is asked for."""
    body = nn.Sequential(nn.Conv2d(in_chans, 8, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(body, nn.Linear(8, 12))


def hugging_face(num_classes: int, in_chans: int) -> nn.Module:
    """A ViT of two layers, which returns a dataclass that is also a dict."""
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=32,
        patch_size=8, num_channels=in_chans, num_labels=num_classes,
    )  # fmt: skip
    model: nn.Module = ViTForImageClassification(config)
    return model
