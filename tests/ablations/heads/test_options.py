"""What a user can choose, and what is said of what cannot be."""

from typing import Any

import pytest

from ablations.floor.errors import StudyOptionsError
from ablations.floor.options import make_options
from ablations.heads.options import HeadsOptions


@pytest.mark.parametrize(
    ("given", "seeds"),
    [
        ({}, (42, 43, 44)),
        ({"iterations": "2"}, (42, 43)),
        ({"seeds": "2", "seed": "7"}, (7, 8)),
        ({"seeds": "2", "iterations": "2"}, (42, 43)),
    ],
)
def test_iterations_are_seeds(given: dict[str, Any], seeds: tuple[int, ...]) -> None:
    assert make_options(HeadsOptions, given).all_seeds == seeds


def test_lists_are_written_with_commas() -> None:
    given = {"pruning_levels": "0, 30,50", "pruning_method": "entropy,gradient", "temperatures": "0.5"}
    options = make_options(HeadsOptions, given)
    found = options.pruning_levels, options.pruning_method, options.temperatures
    assert found == ((0, 30, 50), ("entropy", "gradient"), (0.5,))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"pruning_method": "entropy,size"}, "there is no criterion 'size'; there are: entropy, magnitude, random"),
        ({"pruning_levels": "30,50,30"}, "30.0, 50.0, 30.0 was given: give at least one value, each once"),
        ({"temperatures": ""}, "nothing was given"),
        ({"pruning_levels": "101"}, "less than or equal to 100"),
        ({"pruning_levels": "ten"}, "valid number"),
        ({"temperatures": "-1"}, "greater than or equal to 0"),
        ({"iterations": "3", "seeds": "2"}, "--iterations 3 and --seeds 2 differ"),
        ({"precision": "int8"}, "'float32', 'float16' or 'bfloat16'"),
        ({"levels": "1"}, "There is no option 'levels'"),
    ],
)
def test_what_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyOptionsError) as caught:
        make_options(HeadsOptions, given)
    assert said in str(caught.value)
