"""How long a trial may take, and what is said of one that took longer."""

from search.control.deadline import GENEROUS, LEAST_S, Deadline


def test_what_the_user_gives_stands() -> None:
    assert Deadline(5).seconds([100.0]) == 5


def test_else_it_is_a_multiple_of_the_slowest_and_never_short() -> None:
    assert Deadline().seconds([]) is None
    assert Deadline().seconds([1.0, 2.0]) == LEAST_S
    assert Deadline().seconds([100.0, 30.0]) == GENEROUS * 100


def test_the_reason_names_the_knob() -> None:
    assert "--trial-timeout 5" in Deadline(5).describe(6.2)
    assert "--trial-timeout sets another" in Deadline().describe(300)
