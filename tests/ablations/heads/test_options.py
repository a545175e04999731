"""What a user can choose, and what is said of what cannot be."""

from typing import Any

import pytest
from pydantic import ValidationError

from ablations.heads.options import HeadsOptions


@pytest.mark.parametrize(
    ("given", "seeds"),
    [
        ({}, (0, 1, 2)),
        ({"iterations": 2}, (0, 1)),
        ({"seeds": (7, 3)}, (7, 3)),
        ({"seeds": (7, 3), "iterations": 2}, (7, 3)),
    ],
)
def test_iterations_are_seeds(given: dict[str, Any], seeds: tuple[int, ...]) -> None:
    assert HeadsOptions.model_validate(given).all_seeds == seeds


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"pruning_method": ("entropy", "size")},
            "there is no criterion 'size'; there are: entropy, magnitude, random",
        ),
        ({"pruning_levels": (30, 50, 30)}, "30.0, 50.0, 30.0 was given: give at least one value, each once"),
        ({"temperatures": ()}, "nothing was given"),
        ({"pruning_levels": (101,)}, "less than or equal to 100"),
        ({"temperatures": (-1,)}, "greater than or equal to 0"),
        ({"iterations": 3, "seeds": (1, 2)}, "iterations = 3, but 2 seeds were given"),
        ({"precision": "int8"}, "'float32', 'float16' or 'bfloat16'"),
        ({"levels": (1,)}, "Extra inputs are not permitted"),
    ],
)
def test_what_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        HeadsOptions.model_validate(given)
    assert said in str(caught.value)
