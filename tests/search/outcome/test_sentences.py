"""What the report says is true of each kind of outcome."""

import pytest

from search.outcome.sentences import sentences
from search.outcome.summary import summarise
from tests.search.explained import EARLY, FAILED, STOPPED, UNIFORM, Tried, searched

BEATEN = Tried((0.5, 0.8), kept=UNIFORM)
WINS = Tried((0.6, 0.9))


def said(*tried: Tried, winner: int = 1, images: int | None = 400, priced: bool = True) -> str:
    summary = summarise(searched(*tried, winner=winner, images=images, priced=priced))
    assert summary.explanation is not None
    assert summary.winner is not None
    return " ".join(sentences(summary.explanation, summary.winner))


def test_where_the_budget_went_and_what_it_gave() -> None:
    text = said(BEATEN, WINS)
    assert "points more of the budget on conv1" in text
    assert ", but 11.1 less on layer3, 11.0 on layer4," in text
    assert "than the uniform start (trial 0)." in text
    assert "At rung 2 of 2, after 2 epochs, it scores 90.00 % and the uniform start 80.00 %" in text
    assert "10.00 points more, 4.0 standard errors (2.50) on 400 holdout images." in text
    assert "The uniform start is also the runner-up." in text
    assert "best of 2 completed trials" in text


def test_a_gap_within_the_sampling_error_is_called_so() -> None:
    assert "10.00 points more, no more than chance may give on 40 holdout images (standard error 7.91)" in said(
        BEATEN, WINS, images=40
    )


def test_without_the_number_of_images_nothing_is_said_of_chance() -> None:
    text = said(BEATEN, WINS, images=None)
    assert "10.00 points more." in text
    assert "chance" not in text
    assert "standard error" not in text


def test_a_start_that_was_stopped_early_and_led_there() -> None:
    text = said(Tried((0.5,), STOPPED, UNIFORM), Tried((0.4, 0.9)))
    assert "was stopped early, so they are compared where both were scored last: at rung 1 of 2, before any" in text
    assert "it scores 40.00 % and the uniform start 50.00 %" in text
    assert "10.00 points less" in text
    assert "No other trial was completed." in text
    assert "flatters" not in text, "nothing was chosen among"


@pytest.mark.parametrize(
    ("scores", "words"), [((), "no score to compare with"), ((0.5,), "The uniform start failed, so")]
)
def test_a_start_that_failed(scores: tuple[float, ...], words: str) -> None:
    assert words in said(Tried(scores, FAILED, UNIFORM), WINS)


def test_the_uniform_start_itself_won() -> None:
    text = said(Tried((0.6, 0.9), kept=UNIFORM), Tried((0.6, 0.8)), winner=0)
    assert text.startswith("The winner is the uniform start itself (trial 0): no other completed trial scored higher.")
    assert "The runner-up, trial 1 by rules, scores 80.00 %: the winner has 10.00 points more" in text
    assert "of the budget" not in text
    alone = said(Tried((0.6, 0.9), kept=UNIFORM), Tried((0.3,), STOPPED), winner=0)
    assert "itself (trial 0). No other trial was completed." in alone


def test_equal_scores_are_told_apart_by_what_decided() -> None:
    assert "scores 90.00 % too, and came later." in said(BEATEN, WINS, Tried((0.6, 0.9)))
    cheaper = Tried((0.6, 0.9), kept=tuple(max(1, kept - 1) for kept in EARLY))
    assert "trial 1 by rules, scores 90.00 % too, with more MACs." in said(BEATEN, WINS, cheaper, winner=2)


def test_the_same_counts_differ_only_in_which_units() -> None:
    text = said(BEATEN, Tried((0.6, 0.9), kept=UNIFORM))
    assert "It keeps as many units in every group as the uniform start (trial 0); only which ones differs" in text
    assert "both at" in text


def test_an_older_ledger_says_nothing_of_the_budget() -> None:
    assert said(BEATEN, WINS, priced=False).startswith("At rung 2 of 2")
