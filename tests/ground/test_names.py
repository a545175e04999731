"""Tests of near misses of a name."""

from ground.names import did_you_mean, near_misses

KNOWN = ("knapsack", "rules", "random", "grid")


def test_the_most_similar_comes_first() -> None:
    assert near_misses("randon", KNOWN) == ("random",)
    assert near_misses("rundles", KNOWN, likeness=0.4)[0] == "rules"


def test_no_more_than_asked_for_and_nothing_that_is_far() -> None:
    assert len(near_misses("r", ("ra", "rb", "rc"), most=2, likeness=0.1)) == 2
    assert near_misses("zzz", KNOWN) == ()
    assert near_misses("", ()) == ()


def test_the_question_is_empty_where_nothing_is_near() -> None:
    assert did_you_mean(near_misses("randon", KNOWN)) == "did you mean random? "
    assert did_you_mean(("a", "b")) == "did you mean a or b? "
    assert did_you_mean(()) == ""
