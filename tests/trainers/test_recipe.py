"""Recipes: defaults, overrides and what is refused."""

import pytest
from pydantic import ValidationError
from torch import nn

from trainers.choices import OptimizerName
from trainers.defaults import base_recipe, finetune_recipe, proxy_recipe
from trainers.errors import RecipeError
from trainers.fitting import fitted_to
from trainers.recalibrate import has_batch_norm
from trainers.recipe import ProxyRecipe, Recipe


@pytest.mark.parametrize(("epochs", "warmup"), [(1, 0.5), (3, 1.5), (30, 2.0)])
def test_a_warm_up_that_is_not_given_fits_the_epochs_that_are(epochs: int, warmup: float) -> None:
    recipe = Recipe(epochs=20, warmup_epochs=2).override(epochs=epochs)
    assert (recipe.epochs, recipe.warmup_epochs) == (epochs, warmup)


def test_override_leaves_out_what_was_not_given() -> None:
    recipe = Recipe(lr=0.1, epochs=7).override(lr=0.2, epochs=None, optimizer="adamw")
    assert (recipe.lr, recipe.epochs, recipe.optimizer) == (0.2, 7, OptimizerName.ADAMW)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"lr": 0}, r"lr: .*greater than 0 \(received 0\)"),
        ({"lr": float("nan")}, r"lr: .*\(received nan\)"),
        ({"epochs": 0}, r"epochs: .*\(received 0\)"),
        ({"momentum": 1.0}, r"momentum: .*\(received 1.0\)"),
        ({"optimizer": "lion"}, r"optimizer: .*'sgd' or 'adamw' \(received 'lion'\)"),
        ({"learning_rate": 0.1}, r"learning_rate: Extra inputs are not permitted \(received 0.1\)"),
        ({"epochs": 3, "warmup_epochs": 3}, "warm-up of 3.* does not end before epoch 3"),
    ],
)
def test_a_bad_field_is_quoted(fields: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Recipe.parse(fields)


@pytest.mark.parametrize("rungs", [(), (2, 1), (1, 1), (-1, 2)])
def test_rungs_rise(rungs: tuple[int, ...]) -> None:
    with pytest.raises(RecipeError, match="rungs"):
        ProxyRecipe.parse({"rungs": rungs})


def test_a_recipe_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Recipe().lr = 1.0


def test_a_recipe_survives_json() -> None:
    for recipe in (base_recipe("digits"), finetune_recipe("imagenet")):
        assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_the_proxys_training_ends_at_its_last_rung() -> None:
    training = ProxyRecipe(rungs=(1, 3), lr=0.3, warmup_epochs=0.5).training()
    assert (training.epochs, training.lr, training.warmup_epochs) == (3, 0.3, 0.5)


def test_models_without_batch_norm_take_gentler_steps_of_adamw_only() -> None:
    assert proxy_recipe("shapes", batch_norm=False).lr == proxy_recipe("shapes").lr / 4
    assert base_recipe("shapes", batch_norm=False).lr == base_recipe("shapes").lr / 4
    assert finetune_recipe("digits", batch_norm=False) == finetune_recipe("digits")
    assert has_batch_norm(nn.Sequential(nn.BatchNorm2d(3)))
    assert not has_batch_norm(nn.Sequential(nn.LayerNorm(3)))


def test_unknown_folders_get_imagenets_recipes() -> None:
    assert finetune_recipe("imagefolder") == finetune_recipe("imagenet")
    assert proxy_recipe("imagefolder") == proxy_recipe("imagenet")
    assert finetune_recipe("imagenet").epochs == 100


def test_a_small_folder_gets_a_batch_of_at_least_twenty_steps_and_the_rate_follows(
    caplog: pytest.LogCaptureFixture,
) -> None:
    recipe = finetune_recipe("imagefolder", images=714)
    assert (recipe.batch_size, 714 // recipe.batch_size) == (32, 22)
    assert recipe.lr == pytest.approx(finetune_recipe("imagenet").lr * 32 / 1024)
    assert "fine-tune: 714 training images are 0 steps of the recipe's batch of 1024" in caplog.text
    assert "batches of 32 (22 steps an epoch) and a learning rate of 0.0025 instead of 0.08" in caplog.text
    assert base_recipe("imagefolder", images=714).batch_size == 32


@pytest.mark.parametrize(("images", "batch"), [(20 * 1024, 1024), (20 * 1024 - 1, 512), (641, 32), (100, 4), (5, 4)])
def test_the_batch_is_the_largest_power_of_two_that_leaves_enough_steps(images: int, batch: int) -> None:
    assert fitted_to(finetune_recipe("imagenet"), images, "fine-tune").batch_size == batch


def test_a_large_folder_keeps_the_recipe_and_built_in_data_have_their_own(caplog: pytest.LogCaptureFixture) -> None:
    assert finetune_recipe("imagenet", images=1_281_167) == finetune_recipe("imagenet")
    assert caplog.text == ""


def test_the_rate_of_adamw_follows_the_square_root_of_the_batch() -> None:
    recipe = Recipe(optimizer=OptimizerName.ADAMW, lr=0.004, batch_size=64)
    assert recipe.with_batch(16).lr == pytest.approx(0.002)
    assert Recipe(lr=0.1, batch_size=64).with_batch(16).lr == pytest.approx(0.025)


@pytest.mark.parametrize("name", ["deit_tiny_patch16_224.fb_in1k", "vit_b_16", "swin_t", "my.models:vit_small"])
def test_transformers_on_folders_are_trained_by_adamw(name: str) -> None:
    recipe, proxy = finetune_recipe("imagenet", model=name), proxy_recipe("imagenet", model=name)
    assert (recipe.optimizer, recipe.lr, recipe.weight_decay) == (OptimizerName.ADAMW, 5e-4, 0.05)
    assert (recipe.batch_size, recipe.epochs) == (2048, 300)
    assert base_recipe("imagefolder", model=name) == recipe
    assert proxy.optimizer is OptimizerName.ADAMW
    assert proxy.lr == pytest.approx(recipe.with_batch(proxy.batch_size).lr)


@pytest.mark.parametrize("name", ["resnet50", "resnet101.tv_in1k", "convnext_small", "timm/resnet50.a1_in1k"])
def test_convolutional_networks_on_folders_are_trained_by_sgd(name: str) -> None:
    recipe = finetune_recipe("imagenet", model=name)
    assert (recipe.optimizer, recipe.lr, recipe.momentum, recipe.weight_decay) == (OptimizerName.SGD, 0.08, 0.9, 1e-4)
    assert (recipe.batch_size, recipe.epochs) == (1024, 100)


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_has_the_literature_s_batch_and_rate(name: str, caplog: pytest.LogCaptureFixture) -> None:
    base, finetune = base_recipe(name, model="resnet18", images=45_000), finetune_recipe(name, images=45_000)
    assert (base.lr, base.nesterov, base.weight_decay, base.batch_size, base.epochs) == (0.1, True, 5e-4, 128, 200)
    assert finetune.lr == pytest.approx(finetune_recipe("imagenet").with_batch(128).lr) == 0.01
    assert (finetune.weight_decay, finetune.batch_size, finetune.epochs) == (5e-4, 128, 100)
    base, finetune = base_recipe(name, model="vit_tiny"), finetune_recipe(name, model="vit_tiny")
    assert (base.optimizer, base.lr, base.warmup_epochs) == (OptimizerName.ADAMW, 1e-3, 10)
    assert finetune.lr == pytest.approx(finetune_recipe("imagenet", model="vit_tiny").with_batch(128).lr)
    assert caplog.text == ""
    assert base_recipe(name, images=714).batch_size == 32, "a part of it is a small folder"


def test_built_in_data_have_one_recipe_for_all_families() -> None:
    assert finetune_recipe("digits", model="vit_quarter") == finetune_recipe("digits", model="resnet18_quarter")


def test_trials_on_a_small_folder_have_enough_steps_too(caplog: pytest.LogCaptureFixture) -> None:
    recipe = proxy_recipe("imagefolder", images=714)
    assert (recipe.batch_size, 714 // recipe.batch_size) == (32, 22)
    assert "--proxy-batch-size and --proxy-lr say otherwise" in caplog.text
    assert proxy_recipe("imagefolder", images=1_281_167) == proxy_recipe("imagefolder")
