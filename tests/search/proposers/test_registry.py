"""The arms by name."""

import pytest

from search.arms import ASKING_ARMS, CLASSICAL_ARMS
from search.errors import ConfigError
from search.proposers.registry import ASKING, CLASSICAL, check_proposer


def test_the_configuration_knows_every_arm() -> None:
    assert tuple(CLASSICAL) == CLASSICAL_ARMS
    assert tuple(ASKING) == ASKING_ARMS


@pytest.mark.parametrize("name", [*CLASSICAL, *ASKING])
def test_a_known_arm_passes(name: str) -> None:
    check_proposer(name)


def test_an_unknown_arm_is_told_what_is_near() -> None:
    with pytest.raises(ConfigError, match="did you mean knapsack"):
        check_proposer("knapsak")
