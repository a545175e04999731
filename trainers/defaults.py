"""The default recipes of each dataset."""

from typing import TypeVar

from trainers.choices import OptimizerName
from trainers.fitting import fitted_to
from trainers.recipe import ProxyRecipe, Recipe

_R = TypeVar("_R", Recipe, ProxyRecipe)

WITHOUT_BATCH_NORM = 0.25
"""Share of AdamW's learning rate that models with LayerNorm or similar are trained at."""

# Tuned on the quarter-width ResNet-18: 98.7 % test accuracy at seed 0, 15 s of training on two free cores.
_DIGITS_BASE = Recipe(lr=0.1, epochs=20, warmup_epochs=1, batch_size=64, label_smoothing=0.1)
_DIGITS_FINETUNE = Recipe(lr=0.1, epochs=30, warmup_epochs=2, batch_size=64, label_smoothing=0.1)
_DIGITS_PROXY = ProxyRecipe(lr=0.05, rungs=(1, 2, 4), batch_size=64)

# The same network reaches 92 % of the test images; at 15 % of its MACs, allocations end up to 13 points apart.
_SHAPES_BASE = Recipe(optimizer=OptimizerName.ADAMW, lr=4e-3, weight_decay=0.05, epochs=30, batch_size=64)
_SHAPES_FINETUNE = Recipe(optimizer=OptimizerName.ADAMW, lr=4e-3, weight_decay=0.05, epochs=20, batch_size=64)
# 200 steps. Over 16 random allocations of the ResNet and as many of a small ViT, Spearman's rho with a fine-tune of six
# epochs was 0.97 and 0.98; 250 steps (2,500 images) gave 0.96 and 0.97, 156 steps (batches of 64) 0.95 and 0.92.
_SHAPES_PROXY = ProxyRecipe(
    optimizer=OptimizerName.ADAMW, lr=4e-3, weight_decay=0.05, rungs=(1, 2, 4), batch_size=40, train_limit=2000
)

# The published pruning code's ImageNet settings (SGD, lr 0.08, batch 1024, 100 epochs). Not measured here.
_IMAGENET = Recipe(
    lr=0.08, momentum=0.9, weight_decay=1e-4, batch_size=1024, epochs=100, warmup_epochs=5, label_smoothing=0.1
)
_IMAGENET_PROXY = ProxyRecipe(
    lr=0.02,
    weight_decay=1e-4,
    rungs=(1, 2, 4),
    batch_size=128,
    train_limit=4096,
    holdout_limit=2048,
    recalibration_batches=16,
)

_BASE = {"digits": _DIGITS_BASE, "shapes": _SHAPES_BASE, "imagenet": _IMAGENET}
_FINETUNE = {"digits": _DIGITS_FINETUNE, "shapes": _SHAPES_FINETUNE, "imagenet": _IMAGENET}
_PROXY = {"digits": _DIGITS_PROXY, "shapes": _SHAPES_PROXY, "imagenet": _IMAGENET_PROXY}


def base_recipe(dataset_name: str, *, batch_norm: bool = True, images: int | None = None, told: bool = True) -> Recipe:
    """The recipe of a dataset's base model; ImageNet's for any folder of images, with batches that fit a small one.

    Args:
        dataset_name: as the registry knows it.
        batch_norm: whether the model has BatchNorm.
        images: of the training set of a folder; None leaves the batch as it is.
        told: whether a batch that was changed is logged.
    """
    recipe = _fitted(_BASE.get(dataset_name, _IMAGENET), batch_norm)
    if not batch_norm and recipe.optimizer is OptimizerName.ADAMW:
        recipe = recipe.override(warmup_epochs=3.0)
    return recipe if images is None else fitted_to(recipe, images, "base model", told=told)


def finetune_recipe(dataset_name: str, *, batch_norm: bool = True, images: int | None = None) -> Recipe:
    """The recipe of the winner's fine-tune; arguments as in `base_recipe`."""
    recipe = _fitted(_FINETUNE.get(dataset_name, _IMAGENET), batch_norm)
    return recipe if images is None else fitted_to(recipe, images, "fine-tune")


def proxy_recipe(dataset_name: str, *, batch_norm: bool = True) -> ProxyRecipe:
    """The recipe of a trial's proxy; arguments as in `base_recipe`."""
    return _fitted(_PROXY.get(dataset_name, _IMAGENET_PROXY), batch_norm)


def _fitted(recipe: _R, batch_norm: bool) -> _R:
    """Lower the learning rate for models without BatchNorm, which AdamW's recipes for those with it destabilise.

    On the procedural set at one seed the small ViT's base reaches 53.5 % of the holdout instead of 40.0 %; at 30 % of
    its MACs six allocations score 36 % on average after the proxy instead of 30 %, and none falls to chance (one did).
    SGD's recipes were not measured on such models and are left as they are.
    """
    if batch_norm or recipe.optimizer is not OptimizerName.ADAMW:
        return recipe
    return recipe.model_copy(update={"lr": recipe.lr * WITHOUT_BATCH_NORM})
