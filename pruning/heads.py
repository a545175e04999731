"""The head of a classifier: the parameters whose shapes follow the number of classes, and the trunk below them."""

import dataclasses
from collections.abc import Collection, Mapping

import torch
import torchvision
from timm.models import get_pretrained_cfg
from torch import Tensor

from pruning.errors import ModelCreationError
from pruning.factories import is_factory, is_hub
from pruning.models import ModelSpec, create_model, full_name


def published_classes(name: str) -> int | None:
    """The number of classes of a model's published weights; None where it is not known, as of a user's own factory.

    Args:
        name: see `ModelSpec.name`.
    """
    if is_factory(name) or is_hub(name):
        return None
    name = full_name(name)
    if not name.startswith("torchvision:") and (published := get_pretrained_cfg(name)) is not None:
        return int(published.num_classes)
    bare = name.removeprefix("torchvision:")
    if bare not in torchvision.models.list_models():
        return None
    categories = torchvision.models.get_model_weights(bare).DEFAULT.meta.get("categories")
    return None if categories is None else len(categories)


def head_names(spec: ModelSpec) -> tuple[str, ...]:
    """The parameters and buffers whose shapes follow the number of classes, in the order of the state dict.

    Raises:
        ModelCreationError: there is none: the architecture, or its factory, has a fixed number of classes.
    """
    # Weights are drawn for nothing; whoever draws by a seed must not see it.
    with torch.random.fork_rng(devices=[]):
        ours = create_model(spec).state_dict()
        theirs = create_model(dataclasses.replace(spec, num_classes=spec.num_classes + 1)).state_dict()
    names = tuple(name for name, tensor in ours.items() if name in theirs and theirs[name].shape != tensor.shape)
    if not names:
        raise ModelCreationError(spec.name, "none of its layers follows the number of classes, so it has no head")
    return names


def classes_of(weights: Mapping[str, Tensor], head: Collection[str]) -> int | None:
    """How many classes the head in a state dict has; None where it has no such head.

    Args:
        weights: the state dict.
        head: what `head_names` says of its architecture.
    """
    # Of a transposed weight the classes may be the second dimension; a bias has only them.
    found = sorted((weights[name] for name in head if name in weights), key=lambda tensor: tensor.ndim)
    return int(found[0].shape[0]) if found and found[0].ndim else None
