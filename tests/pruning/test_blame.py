"""The smallest part of several things that still fails."""

import pytest

from pruning.blame import smallest_failing


@pytest.mark.parametrize("guilty", [{3}, {0, 9}, {2, 3, 8}, set(range(10))])
def test_only_those_that_fail_together_are_blamed(guilty: set[int]) -> None:
    assert set(smallest_failing(range(10), lambda some: guilty <= set(some))) == guilty
