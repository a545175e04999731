"""Which heads are removed."""

import pytest
import torch
from torch import Tensor

from ablations.heads.errors import ConstantImportanceError
from ablations.heads.importance.base import Evidence, Importance
from ablations.heads.importance.greedy import Greedy
from ablations.heads.language_model import Head
from ablations.heads.selection import heads_to_remove, select
from tests.ablations.heads.models import hand_model, some_tokens


class Given(Importance):
    """Scores that a test gives, and what was gone when they were asked for."""

    name = "given"
    summary = "what a test gives"

    def __init__(self, *tables: list[list[float]], recomputed: bool = False) -> None:
        self.tables = [torch.tensor(table, dtype=torch.float64) for table in tables]
        self.recomputed = recomputed  # type: ignore[misc]
        self.asked: list[frozenset[Head]] = []

    def scores(self, evidence: Evidence, removed: frozenset[Head]) -> Tensor:
        self.asked.append(removed)
        return self.tables[len(self.asked) - 1]


@pytest.fixture
def evidence() -> Evidence:
    return Evidence(hand_model(layers=2), some_tokens(), 0)


def test_lowest_first_across_layers_and_the_first_of_equals(evidence: Evidence) -> None:
    chosen = select(Given([[3, 1], [1, 0.5]]), evidence, 4)
    assert chosen == (Head(1, 1), Head(0, 1), Head(1, 0), Head(0, 0))


def test_volunteers_go_before_all_others(evidence: Evidence) -> None:
    criterion = Given([[3, 1], [2, 0.5]])
    assert select(criterion, evidence, 3, {Head(0, 0), Head(1, 0)}) == (Head(1, 0), Head(0, 0), Head(1, 1))


def test_more_volunteers_than_places(evidence: Evidence) -> None:
    assert select(Given([[3, 1], [2, 0.5]]), evidence, 1, {Head(0, 0), Head(1, 0)}) == (Head(1, 0),)


def test_scores_are_made_once_unless_the_criterion_wants_otherwise(evidence: Evidence) -> None:
    once, again = Given([[3, 1], [2, 0.5]]), Given([[3, 1], [2, 0.5]], [[1, 2], [3, 9]], recomputed=True)
    assert select(once, evidence, 2) == (Head(1, 1), Head(0, 1))
    assert once.asked == [frozenset()]
    assert select(again, evidence, 2) == (Head(1, 1), Head(0, 0))
    assert again.asked == [frozenset(), frozenset({Head(1, 1)})]


def test_greedy_takes_the_best_next_step(evidence: Evidence) -> None:
    chosen = select(Greedy(), evidence, 2)
    assert chosen[0] == min(evidence.model.all_heads, key=lambda head: Greedy().scores(evidence, frozenset())[head])
    after = Greedy().scores(evidence, frozenset(chosen[:1]))
    assert chosen[1] == min(set(evidence.model.all_heads) - set(chosen[:1]), key=lambda head: after[head])


def test_a_constant_importance_is_refused(evidence: Evidence) -> None:
    with pytest.raises(
        ConstantImportanceError, match=r"'given' gives all 4 heads the same score, 0\.25.*--pruning-method"
    ):
        select(Given([[0.25, 0.25], [0.25, 0.25]]), evidence, 1)


def test_one_that_becomes_constant_is_refused(evidence: Evidence) -> None:
    turning = Given([[0, 1], [2, 3]], [[0, 5], [5, 5]], recomputed=True)
    with pytest.raises(ConstantImportanceError, match="all 3 heads the same"):
        select(turning, evidence, 2)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_is_refused(evidence: Evidence, bad: float) -> None:
    with pytest.raises(ConstantImportanceError, match="no finite number"):
        select(Given([[0, 1], [bad, 3]]), evidence, 1)


def test_nothing_to_remove_asks_for_no_scores(evidence: Evidence) -> None:
    criterion = Given()
    assert select(criterion, evidence, 0) == ()
    assert criterion.asked == []


@pytest.mark.parametrize(
    ("level", "heads", "count"),
    [(0, 12, 0), (30, 12, 4), (50, 12, 6), (70, 12, 8), (100, 12, 12), (50, 3, 2), (1, 12, 0)],
)
def test_a_level_is_the_nearest_number_of_heads(level: float, heads: int, count: int) -> None:
    assert heads_to_remove(level, heads) == count
