"""The options of the resource study: what they mean, and what is refused."""

from typing import Any

import pytest

from ablations.floor.errors import AblationError
from ablations.floor.options import make_options
from ablations.resources.arms.resource import Resource
from ablations.resources.options import ResourcesOptions
from ablations.resources.rehearsal.client import NoSuchRehearsalError, rehearsal_client
from ablations.resources.task_files import tasks_of
from llm_clients.options import ClientOptions


def test_without_models_a_scripted_pair_rehearses_with_the_shipped_tasks() -> None:
    options = ResourcesOptions()
    assert [model.llm for model in options.named] == ["rehearsal:large", "rehearsal:small"]
    assert [arm.name for arm in options.arms] == ["large@1", "large@15", "small@1", "small@15", "small@branching"]
    assert len(tasks_of(options)) >= 20
    assert options.cost is None


def test_samples_are_as_many_as_the_tree_has_calls_unless_they_are_named() -> None:
    names = {depth: [arm.name for arm in ResourcesOptions(max_depth=depth).arms] for depth in (0, 1)}
    assert names[0] == ["large@1", "small@1"]
    assert names[1] == ["large@1", "large@3", "small@1", "small@3", "small@branching"]
    assert "small@5" in [arm.name for arm in ResourcesOptions(samples=5).arms]


def test_the_reference_is_the_model_called_large_or_the_first() -> None:
    assert ResourcesOptions(models="a=ollama:x,large=ollama:y").reference == "large"
    assert ResourcesOptions(models="a=ollama:x,b=ollama:y,c=ollama:z").reference == "a"
    branching = [arm.name for arm in ResourcesOptions(models="a=ollama:x,b=ollama:y,c=ollama:z").arms]
    assert [name for name in branching if "branching" in name] == ["b@branching", "c@branching"]
    assert ResourcesOptions(cost_by="tokens").cost is Resource.TOKENS


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"large": "ollama:x"}, "large=ollama:x is one model, .*name at least two"),
        ({"models": "ollama:x"}, "--models holds 'ollama:x', where NAME=MODEL is needed"),
        ({"large": "ollama:x", "models": "large=ollama:y,small=ollama:z"}, "Two models have the name 'large'"),
        ({"max_depth": 9}, "--max-depth 9 cannot be used: Input should be less than or equal to 5"),
        ({"samples": 0}, "--samples 0 cannot be used"),
        ({"task_id": "3,4,3"}, "names a task twice"),
        ({"split": "train"}, "--split train is a part of MBPP.*name a file by --tasks"),
        ({"cost_by": "money"}, "--cost-by money cannot be used"),
        ({"max_cost": "-1"}, "--max-cost -1 cannot be used"),
        ({"max_dept": 2}, "There is no option 'max_dept'.*max_depth"),
    ],
)
def test_what_cannot_be_used_is_quoted_with_what_would_work(given: dict[str, Any], said: str) -> None:
    with pytest.raises(AblationError, match=f"(?s){said}"):
        make_options(ResourcesOptions, given)


def test_a_scripted_model_that_is_not_there_is_named() -> None:
    with pytest.raises(NoSuchRehearsalError, match="'rehearsal:huge'; there are: rehearsal:large, rehearsal:small"):
        rehearsal_client("rehearsal:huge", tasks_of(ResourcesOptions()), ClientOptions())
