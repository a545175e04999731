"""Recipes of large data sets on small folders: batches that leave an epoch enough steps to learn in."""

import logging
from typing import TypeVar

from trainers.recipe import ProxyRecipe, Recipe

_R = TypeVar("_R", Recipe, ProxyRecipe)

_log = logging.getLogger(__name__)

STEPS = 20
"""Steps that an epoch should have. With one step an epoch, ImageNet's recipe ends at chance."""
SMALLEST = 4
"""Images of the smallest batch: with fewer, BatchNorm's statistics are noise."""
_PREFIXES = {"base model": "base-", "trials": "proxy-"}
"""Of the options that set another batch for what is trained."""


def fitted_to(recipe: _R, images: int, what: str, *, told: bool = True) -> _R:
    """The recipe with a batch of a power of two that gives an epoch at least `STEPS` steps, if its own does not.

    Args:
        recipe: made for a larger data set.
        images: of the training set.
        what: is trained, for the log.
        told: whether the change is logged.
    """
    if images // recipe.batch_size >= STEPS:
        return recipe
    batch_size = max(SMALLEST, 1 << max(0, (images // STEPS).bit_length() - 1))
    if batch_size >= recipe.batch_size:
        return recipe
    fitted = recipe.with_batch(batch_size)
    if told:
        _log.warning(
            "%s: %s training images are %d steps of the recipe's batch of %d, so it takes batches of %d (%d steps an "
            "epoch) and a learning rate of %.3g instead of %.3g; --%sbatch-size and --%slr say otherwise",
            what,
            f"{images:,}",
            images // recipe.batch_size,
            recipe.batch_size,
            batch_size,
            images // batch_size,
            fitted.lr,
            recipe.lr,
            *[_PREFIXES.get(what, "")] * 2,
        )
    return fitted
