"""The recipes of a run: those of its model and data, changed by what its configuration says."""

from dataclasses import dataclass

from search.setup.config import RunConfig
from search.setup.holdout_training import gains_by_holdout
from trainers.defaults import base_recipe, finetune_recipe, proxy_recipe
from trainers.recipe import ProxyRecipe, Recipe


@dataclass(frozen=True, slots=True)
class Recipes:
    """How a run trains: its base if it is trained here, each trial, and the winner."""

    base: Recipe
    proxy: ProxyRecipe
    finetune: Recipe


def chosen_recipes(
    config: RunConfig, *, batch_norm: bool, images: int | None, trains_base: bool, holdout_share: float
) -> Recipes:
    """Choose by model and data, then change what the configuration sets.

    Where it sets a batch, that is not fitted to a small folder, and the learning rate follows it.

    Args:
        config: of the run.
        batch_norm: whether the model has BatchNorm.
        images: of the training set of a folder; None where the data are built in.
        trains_base: whether a base is trained here.
        holdout_share: share of all images that are no test images which the holdout takes.

    Raises:
        RecipeError: a value is out of its range, or two contradict each other.
    """

    def fitted(changes: dict[str, object]) -> int | None:
        return None if "batch_size" in changes else images

    base, proxy, finetune = config.base_changes(), config.proxy_changes(), config.finetune_changes()
    finetune = {"train_on_holdout": gains_by_holdout(holdout_share, config.finalists or 1)} | finetune
    model = config.model
    return Recipes(
        base_recipe(config.dataset, model=model, batch_norm=batch_norm, images=fitted(base), told=trains_base).asked(
            **base
        ),
        proxy_recipe(config.dataset, model=model, batch_norm=batch_norm, images=fitted(proxy)).asked(**proxy),
        finetune_recipe(config.dataset, model=model, batch_norm=batch_norm, images=fitted(finetune)).asked(**finetune),
    )
