"""A whole module that others pruned, recognised as a pruning of its architecture, so that it can be saved as one."""

import torch

from pruning.checkpoint import PrunedModel
from pruning.errors import CheckpointError, PruningError
from pruning.foreign import as_pruned
from pruning.outputs import logits_of
from pruning.weights import Found

_TOLERANCE = 1e-4
"""Of the largest logit: float32 sums in another order."""


def recognised(opened: PrunedModel, where: str) -> PrunedModel:
    """The same weights in a module that is cut by our plan of the architecture, if it computes the same.

    Args:
        opened: a module with its architecture; it may not know which units it keeps.
        where: it comes from, for messages.

    Raises:
        CheckpointError: its weights are of no pruning of that architecture, or it computes something else.
    """
    if opened.selection:
        return opened
    try:
        found = as_pruned(Found(dict(opened.module.state_dict()), None), where, opened.spec)
    except PruningError as error:
        raise CheckpointError(
            f"{where} is a whole module, and its weights do not show which units of {opened.spec.name} it keeps: "
            f"{error}"
        ) from error
    distance = _distance(opened, found)
    if not distance <= _TOLERANCE:
        raise CheckpointError(
            f"{where} is a whole module that does not compute what a {opened.spec.name} with its weights computes: the "
            f"logits differ by {distance:.1e} of the largest one, so its code was changed, too"
        )
    return found


def _distance(opened: PrunedModel, found: PrunedModel) -> float:
    images = torch.randn(2, *opened.spec.image_size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        theirs, ours = (logits_of(one.module.eval()(images), one.spec.output) for one in (opened, found))
    if theirs.shape != ours.shape:
        return float("inf")
    return float((theirs - ours).abs().max() / theirs.abs().max().clamp_min(1e-12))
