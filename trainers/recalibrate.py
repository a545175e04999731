"""BatchNorm statistics of a model whose channels were cut.

The running means and variances of the base model no longer fit; without new ones an accuracy says
little about what training would reach (EagleEye, Li et al., 2020, section 3.2).
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def has_batch_norm(model: nn.Module) -> bool:
    """Whether there is anything to recalibrate; a model without it is normalised by LayerNorm or its like."""
    return any(isinstance(module, _BatchNorm) for module in model.modules())


def recalibrate(model: nn.Module, batches: Iterable[Tensor]) -> int:
    """Replaces BatchNorm's running statistics by the plain average over `batches` of images.

    No weight changes, nothing else is in training mode, and the model is handed back in the mode it
    had. Answers how many BatchNorm layers there are; with none, no batch is read.
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
