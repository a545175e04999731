"""Tests of selection: the best units stay, in order, and ties are always broken the same way."""

import pytest
import torch

from pruning.errors import AllocationError
from pruning.selection import select


def test_the_highest_scores_stay_in_their_own_order() -> None:
    assert select((torch.tensor([0.1, 0.9, 0.5, 0.7]),), (2,)) == ((1, 3),)


def test_ties_go_to_the_first_units() -> None:
    assert select((torch.ones(300), torch.tensor([1.0, 2.0, 1.0])), (3, 2)) == ((0, 1, 2), (0, 1))


@pytest.mark.parametrize("allocation", [(0,), (5,), (1, 1)])
def test_counts_that_cannot_be_kept_are_refused(allocation: tuple[int, ...]) -> None:
    with pytest.raises(AllocationError):
        select((torch.rand(4),), allocation)
