"""Options for all three recipes, made from their fields."""

from typing import Any

import pytest

from search.errors import ConfigError
from search.setup.config import RunConfig, make_config
from search.setup.holdout_training import as_begun, to_record
from search.setup.recipe_options import BASE, FINETUNE, PROXY
from search.setup.recipes import chosen_recipes
from search.setup.scope import Scope, scope_of
from trainers.recipe import ProxyRecipe, Recipe

BUILT_IN: dict[str, Any] = {"batch_norm": True, "images": None, "trains_base": True, "holdout_share": 0.1}


def test_every_field_of_every_recipe_is_an_option() -> None:
    fields = RunConfig.model_fields
    assert {FINETUNE + name for name in Recipe.model_fields} <= fields.keys()
    assert {PROXY + name for name in ProxyRecipe.model_fields} <= fields.keys()
    assert {name for name in Recipe.model_fields if BASE + name not in fields} == {
        *("distill", "distill_weight", "distill_temperature", "teacher_precision", "train_on_holdout")
    }
    assert scope_of(fields["lr"]) is Scope.RECIPE
    assert scope_of(fields["base_lr"]) is scope_of(fields["proxy_lr"]) is Scope.TERM


def test_what_is_not_given_is_left_to_the_recipes() -> None:
    config = make_config({})
    assert config.finetune_changes() == config.base_changes() == config.proxy_changes() == {}


def test_each_group_changes_its_own_recipe() -> None:
    given = {"lr": "0.02", "ema": "0.99", "base_epochs": "3", "proxy_rungs": "0,1,3", "proxy_label_smoothing": "0.1"}
    plain = chosen_recipes(make_config({}), **BUILT_IN)
    chosen = chosen_recipes(make_config(given), **BUILT_IN)
    assert chosen.finetune == plain.finetune.override(lr=0.02, ema=0.99)
    assert chosen.base == plain.base.override(epochs=3)
    assert chosen.proxy == plain.proxy.override(rungs=(0, 1, 3), label_smoothing=0.1)


@pytest.mark.parametrize(("epochs", "rungs"), [(1, (1,)), (2, (1, 2)), (4, (1, 2, 4)), (12, (3, 6, 12))])
def test_epochs_of_a_trial_are_divided_into_rungs(epochs: int, rungs: tuple[int, ...]) -> None:
    assert make_config({"proxy_epochs": epochs}).proxy_changes() == {"rungs": rungs}


def test_a_batch_that_is_given_is_kept_on_a_small_folder_and_the_rate_follows() -> None:
    config = make_config({"model": "resnet50", "dataset": "imagefolder", "batch_size": 256})
    chosen = chosen_recipes(config, batch_norm=True, images=714, trains_base=False, holdout_share=0.1)
    assert chosen.finetune.batch_size == 256
    assert chosen.finetune.lr == pytest.approx(0.02)
    assert chosen.base.batch_size == chosen.proxy.batch_size == 32


@pytest.mark.parametrize(
    ("share", "given", "used"),
    [
        (0.2, {}, True),
        (0.15, {}, True),
        (0.1, {}, False),
        (0.04, {}, False),
        (0.2, {"finalists": 1}, True),
        (0.2, {"finalists": 2}, False),
        (0.2, {"train_on_holdout": False}, False),
        (0.04, {"train_on_holdout": True}, True),
    ],
)
def test_a_large_holdout_is_trained_on_in_the_end_unless_it_is_said_otherwise(
    share: float, given: dict[str, object], used: bool
) -> None:
    """Finalists are compared on it. Only the winner's fine-tune has it: a base and a trial are scored on it."""
    chosen = chosen_recipes(make_config(given), **BUILT_IN | {"holdout_share": share})
    assert chosen.finetune.train_on_holdout is used
    assert not chosen.base.train_on_holdout


@pytest.mark.parametrize(("recorded", "meant"), [({}, False), (None, False), (False, False), (True, True)])
def test_a_ledger_that_says_nothing_of_the_holdout_means_that_it_was_kept_apart(recorded: Any, meant: bool) -> None:
    config = {"seed": 3} if recorded == {} else {"seed": 3, "train_on_holdout": recorded}
    assert as_begun(config) == {"seed": 3, "train_on_holdout": meant}


@pytest.mark.parametrize(
    ("given", "used", "recorded"), [(None, True, True), (None, False, None), (False, False, False), (True, True, True)]
)
def test_what_came_out_is_recorded(given: bool | None, used: bool, recorded: bool | None) -> None:
    assert to_record(given, used=used) == {"train_on_holdout": recorded}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lr": "0"}, "lr = '0' cannot be used: Input should be greater than 0"),
        ({"proxy_rungs": "1,x"}, "proxy_rungs = 'x' cannot be used"),
        ({"proxy_epochs": 4, "proxy_rungs": "1,2"}, "--proxy-epochs 4 and --proxy-rungs 1,2 contradict each other"),
        ({"base_distill": "soft"}, "There is no field 'base_distill'"),
        ({"precision": "fp8"}, "precision = 'fp8' cannot be used"),
    ],
)
def test_what_cannot_be_used_is_quoted(given: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_config(given)
