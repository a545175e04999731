"""BatchNorm statistics of a model whose channels were cut.

The running means and variances of the base model no longer fit. Without new ones an accuracy says little about what
training would reach (EagleEye, Li et al., 2020, section 3.2).
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def has_batch_norm(model: nn.Module) -> bool:
    """Whether there is anything to recalibrate; other models use LayerNorm or similar."""
    return any(isinstance(module, _BatchNorm) for module in model.modules())


def recalibrate(model: nn.Module, batches: Iterable[Tensor]) -> int:
    """Replace BatchNorm's running statistics by the plain average over batches of images.

    No weight changes, nothing else is in training mode, and the model is left in the mode it had.

    Args:
        model: is changed in place.
        batches: images [n, C, H, W] on the model's device; not read if there is no BatchNorm.

    Returns:
        The number of BatchNorm layers.
    """
    layers = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not layers:
        return 0
    was_training, momenta = model.training, [layer.momentum for layer in layers]
    model.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain average over all batches seen
        layer.train()
    with torch.no_grad():
        for images in batches:
            model(images)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    model.train(was_training)
    return len(layers)
