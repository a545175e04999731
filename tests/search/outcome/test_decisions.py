"""What was decided, in words for whoever was not there."""

import pytest

from search.outcome.decisions import describe
from tracking.kinds import Condition, DecisionKind
from tracking.payloads import Decision


@pytest.mark.parametrize(
    ("results", "words"),
    [
        (0, "the newest result was the best so far."),
        (1, "the result before the newest was the best so far."),
        (5, "the best result was 5 results before the newest."),
    ],
)
def test_a_gain_is_told_from_the_newest_result(results: int, words: str) -> None:
    reason = f"the last gain was {results} results ago"
    said = describe(Decision(decision=DecisionKind.EXPLOIT, condition=Condition.CONVERGING, reason=reason))
    assert said == f"The arm was told to refine the best trials, because the search was making progress: {words}"


@pytest.mark.parametrize("kind", DecisionKind)
@pytest.mark.parametrize("condition", [None, *Condition])
def test_every_decision_is_a_sentence(kind: DecisionKind, condition: Condition | None) -> None:
    said = describe(Decision(decision=kind, condition=condition, reason="why", trial=3))
    assert said[0].isupper()
    assert said.endswith(": why.")
    assert "_" not in said
