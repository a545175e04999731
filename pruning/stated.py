"""Check that the attributes of torch's own layers state the sizes of their weights.

A forward pass may not notice a wrong one: a group norm never reads its `num_channels`. Exporters and people do.
"""

from collections.abc import Iterator

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd


def misstated_sizes(model: nn.Module) -> dict[str, str]:
    """The layers with an attribute that is not the size of their weights, each with a description of it."""
    found = {}
    for name, module in model.named_modules():
        for attribute, size in _sizes(module):
            if getattr(module, attribute) != size:
                found[name] = f"its {attribute} is {getattr(module, attribute)} and its weights say {size}"
    return found


def _sizes(module: nn.Module) -> Iterator[tuple[str, object]]:
    weight = getattr(module, "weight", None)
    if weight is None:
        weight = getattr(module, "running_mean", None)
    if weight is None:
        return
    if isinstance(module, _ConvNd):
        outer, inner = ("in_channels", "out_channels") if module.transposed else ("out_channels", "in_channels")
        yield outer, weight.shape[0]
        yield inner, weight.shape[1] * module.groups
    elif isinstance(module, nn.Linear):
        yield "out_features", weight.shape[0]
        yield "in_features", weight.shape[1]
    elif isinstance(module, _NormBase):
        yield "num_features", weight.shape[0]
    elif isinstance(module, nn.GroupNorm):
        yield "num_channels", weight.shape[0]
    elif isinstance(module, (nn.LayerNorm, nn.RMSNorm)):
        yield "normalized_shape", tuple(weight.shape)
