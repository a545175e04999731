"""Data never names code: what is a factory, and who may call one."""

import pickle

import pytest

from pruning.errors import UntrustedFactoryError
from pruning.factories import check_factory, is_factory, is_hub


@pytest.mark.parametrize("name", ["http.server:test", "os:abort", "a.b:c", "hf-hub:me/net", "x:torchvision:resnet18"])
def test_a_factory_passes_only_where_the_user_named_that_very_one(name: str) -> None:
    assert is_factory(name) or is_hub(name)
    with pytest.raises(UntrustedFactoryError, match="Nothing was imported or called"):
        check_factory(name, ("os:abort2", name[:-1], name.upper()), "there/architecture.json")
    check_factory(name, (name,), "there/architecture.json")


@pytest.mark.parametrize("name", ["resnet18", "resnet50.a1_in1k", "resnet18_quarter", "torchvision:resnet18", ":abort"])
def test_a_name_in_a_registry_is_no_factory(name: str) -> None:
    assert not is_factory(name)
    check_factory(name, (), "there/architecture.json")


def test_the_error_quotes_the_factory_and_the_command_and_survives_pickling() -> None:
    error = UntrustedFactoryError("a b:c", "there", "--trust-factory")
    assert "'a b:c'" in str(error)
    assert str(error).endswith("--trust-factory 'a b:c'")
    whole = error.answered_by("python launch.py resume x --trust-factory 'a b:c'")
    assert str(pickle.loads(pickle.dumps(whole))).endswith("python launch.py resume x --trust-factory 'a b:c'")  # noqa: S301
