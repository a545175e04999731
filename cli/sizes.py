"""A model at another image size than its own."""

import dataclasses

from pruning.checkpoint import PrunedModel
from pruning.errors import UnsupportedModelError
from pruning.models import ModelSpec
from pruning.outputs import check_logits
from search.errors import ConfigError


def at_size(pruned: PrunedModel, side: int | None) -> ModelSpec:
    """The spec of a model at square images of a side, at which it was seen to run; None keeps its own size.

    Raises:
        ConfigError: it does not run at that size.
        OutputError: its logits are not found.
    """
    if side is None:
        check_logits(pruned.module.eval(), pruned.spec)
        return pruned.spec
    channels, *own = pruned.spec.image_size
    spec = dataclasses.replace(pruned.spec, input_size=(channels, side, side))
    try:
        check_logits(pruned.module.eval(), spec)
    except UnsupportedModelError as error:
        raise ConfigError(
            f"--input-size {side}: this {spec.name} does not run on images of {side}×{side} ({error.reason}). Its own "
            f"are {'×'.join(map(str, own))}: leave --input-size out."
        ) from error
    return spec
