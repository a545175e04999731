"""Whether the winner's fine-tune trains on the holdout, too, where the user does not say so."""

from collections.abc import Mapping
from typing import Any

FIELD = "train_on_holdout"
"""Of the configuration, and of a recipe."""
LEAST_SHARE = 0.15
"""Share of the images from which on the holdout is worth training on.

A fifth was measured: 2.0 to 5.6 points, at 1.1 to 1.3 times the cost (docs/figures.md). The tenth of folders and of
CIFAR was not, and whole images move a folder's share to both sides of a tenth; so the bound lies between the two.
"""


def gains_by_holdout(share: float, finalists: int) -> bool:
    """Whether a search trains its winner on the holdout by default.

    A search reads the test set once its winner is trained, so there is a score on images that no training saw.
    Finalists are compared on the holdout, and the best of them goes on from its state, so they keep it apart.

    Args:
        share: that the holdout takes of all images that are no test images.
        finalists: how many there are; 1 for none.
    """
    return finalists == 1 and share >= LEAST_SHARE


def to_record(given: bool | None, *, used: bool) -> dict[str, bool | None]:
    """What a ledger says of it: that it is done, or else what the user said.

    Args:
        given: by the user.
        used: in the recipe.
    """
    return {FIELD: used or given}


def as_begun(config: Mapping[str, Any]) -> dict[str, Any]:
    """A recorded configuration; one that says nothing of it, as all older ones, means that it is not done."""
    return dict(config) | {FIELD: bool(config.get(FIELD))}


def has_seen_holdout(trained: Mapping[str, Any], dataset: str) -> bool:
    """Whether a checkpoint was fine-tuned on the holdout of a dataset, too.

    Args:
        trained: how it was trained, as it says itself.
        dataset: the name of the dataset.
    """
    finetune = trained.get("finetune")
    return trained.get("dataset") == dataset and isinstance(finetune, dict) and finetune.get(FIELD) is True
