"""The five questions."""

from itertools import groupby

from ablations.floor.questions import Slope
from ablations.heads.options import HeadsOptions
from ablations.heads.questions import questions


def test_there_are_five_of_the_defaults() -> None:
    asked = questions(HeadsOptions())
    assert [number for number, _ in groupby(question.text[:2] for question in asked)] == ["1.", "2.", "3.", "4.", "5."]


def test_a_slope_is_not_asked_for_along_a_single_level() -> None:
    asked = questions(HeadsOptions(pruning_levels=(50,), temperatures=(1,)))
    assert not [question for question in asked if isinstance(question, Slope)]
    assert {question.text[:2] for question in asked} == {"2.", "5."}
