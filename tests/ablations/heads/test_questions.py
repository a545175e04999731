"""The five questions."""

from ablations.heads.figures import FIGURES, Better
from ablations.heads.questions import QUESTIONS, Comparison

ALONG = {"level", "temperature", None}


def test_there_are_five_and_they_ask_for_figures_that_are_measured() -> None:
    assert len({question.name for question in QUESTIONS}) == len(QUESTIONS) == 5
    for question in QUESTIONS:
        assert question.text.endswith("?")
        assert set(question.figures) <= set(FIGURES)
        assert question.along in ALONG
        assert dict(question.better) == {name: FIGURES[name].better for name in question.figures}
        assert Better.NEITHER not in question.better.values()


def test_comparisons_have_what_they_need() -> None:
    for question in QUESTIONS:
        assert (question.along is None) == (question.comparison is Comparison.DIFFERENCE)
        assert (question.against is None) == (question.comparison is Comparison.SLOPE)
