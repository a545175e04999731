"""The next move, from all that it depends on."""

import dataclasses

import pytest

from search.control.master import Limits, Move, Situation, decide
from search.space.history import History
from tests.search import support


def situation(
    history: History | None = None,
    *,
    unfinished: int = 0,
    missed: int = 0,
    repeated: int = 0,
    interrupted: bool = False,
    problem: str | None = None,
) -> Situation:
    return Situation(history or support.history([]), unfinished, missed, repeated, interrupted, problem)


LIMITS = Limits(trials=3, revisions=2, duplicates=2)


def test_it_proposes_while_there_is_budget() -> None:
    assert decide(situation(), LIMITS).move is Move.PROPOSE


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (situation(interrupted=True), "interrupted"),
        (situation(support.history([[0.1]] * 3)), "budget of 3 trials"),
        (situation(missed=2), "2 proposals missed the band"),
        (situation(repeated=2), "last 2 proposals repeated"),
        (situation(problem="the model is gone"), "the model is gone"),
    ],
)
def test_it_stops_and_says_why(facts: Situation, words: str) -> None:
    decision = decide(facts, LIMITS)
    assert decision.move is Move.STOP
    assert words in decision.reason


@pytest.mark.parametrize("facts", [situation(repeated=2), situation(problem="the model is gone")])
def test_where_another_arm_stands_ready_it_takes_over(facts: Situation) -> None:
    assert decide(dataclasses.replace(facts, can_switch=True), LIMITS).move is Move.SWITCH


def test_it_finishes_what_was_begun_before_it_proposes() -> None:
    assert decide(situation(support.history([None] * 3), unfinished=2), LIMITS).move is Move.RERUN


def test_an_interrupt_comes_before_everything() -> None:
    assert decide(situation(unfinished=2, interrupted=True), LIMITS).move is Move.STOP


def test_it_waits_for_the_results_that_the_next_proposal_reads() -> None:
    assert decide(situation(support.history([None, None], window=2)), LIMITS).move is Move.WAIT
    assert decide(situation(support.history([[0.1], None], window=2)), LIMITS).move is Move.PROPOSE
