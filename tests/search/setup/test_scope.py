"""Each option says what it changes, and the lists that used to be kept by hand follow from it."""

from typing import Any

import pytest

from ablations.ranking import compare
from search.setup.config import RunConfig, load_config
from search.setup.scope import Scope, names_where, scope_of
from tests.ablations.samples import run
from trainers.recipe import Recipe

SEPARATE = {
    Scope.CELL: ("model", "dataset", "data_path", "target_macs"),
    Scope.ARM: ("proposer", "llm_temperature", "llm_max_tokens", "llm_timeout", "llm_per_call", "llm_ahead"),
    Scope.MODEL_ASKED: ("llm", "llm_base_url", "llm_plain_http"),
    Scope.SEED: ("seed",),
    Scope.RECIPE: tuple(Recipe.model_fields),
    Scope.MONEY: ("max_cost", "max_tokens_total", "prices"),
    Scope.PLACE: ("workers", "finetune_workers", "executor", "ray_address", "wait_for_nodes"),
    Scope.RESOURCES: ("cpus_per_trial", "gpus_per_trial", "finetune_gpu"),
    Scope.RECORD: ("runs", "tracking_uri", "experiment", "mlflow", "register_model"),
}
"""All but the terms of comparison, which a new option belongs to unless it says otherwise."""


@pytest.mark.parametrize("scope", SEPARATE)
def test_who_is_in_a_scope(scope: Scope) -> None:
    assert names_where(RunConfig, lambda each: each is scope) == SEPARATE[scope]


def test_everything_else_is_a_term() -> None:
    separate = {name for names in SEPARATE.values() for name in names}
    terms = names_where(RunConfig, lambda scope: scope is Scope.TERM)
    assert separate.isdisjoint(terms)
    assert separate | set(terms) == set(RunConfig.model_fields)


@pytest.mark.parametrize("name", RunConfig.model_fields)
def test_a_cell_is_ranked_only_where_its_terms_are_equal(name: str) -> None:
    """What differs between two arms keeps them from being ranked exactly where it is a term of comparison."""
    differs: list[dict[str, Any]] = [{name: "one"}, {name: "another"}]
    runs = [run(proposer, config=config) for proposer, config in zip(("tpe", "grid"), differs, strict=True)]
    ranks = {standing.rank for standing in compare(runs).standings}
    assert (ranks == {None}) is scope_of(RunConfig.model_fields[name]).is_term


def test_a_value_that_is_not_given_has_its_default_whatever_its_scope() -> None:
    assert load_config(None, {}) == RunConfig()
