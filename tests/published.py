"""Published weights without a network: what the hub would send is made here."""

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from pruning.models import ModelSpec, create_model

TINY = "test_resnet"
"""timm's smallest ResNet, of which weights for 1,000 classes are published."""


def published_weights(name: str = TINY, *, channels: int = 3, seed: int = 0) -> dict[str, Tensor]:
    """What the hub might send for a model: weights for its 1,000 classes, with statistics of the layers' inputs."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = create_model(ModelSpec(name, 1000, (channels, 64, 64)))
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.weight.fill_(1.0)
                layer.momentum = None
        model.train()(torch.randn(32, channels, 64, 64))
        return model.state_dict()


@dataclasses.dataclass
class Hub:
    """Stands for the hub that timm loads weights from, and counts what it sent."""

    weights: dict[str, Tensor]
    sent: int = 0

    def __call__(self, *_: object, **__: object) -> dict[str, Tensor]:
        self.sent += 1
        return {name: tensor.clone() for name, tensor in self.weights.items()}


def fake_hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    """Let timm load what `published_weights` makes."""
    hub = Hub(published_weights())
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", hub)
    return hub
