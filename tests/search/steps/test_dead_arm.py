"""An arm that proposed nothing is no search: the run fails before the fine-tune, with the arm's last words."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from search.errors import SearchFailedError
from search.execution.interrupts import Interrupts
from search.execution.local import LocalExecutor
from search.setup.config import RunConfig
from search.setup.preparation import prepare
from search.steps.search import SearchStep
from search.steps.step import RunContext
from tests.tracking import samples
from tracking.kinds import DecisionKind
from tracking.ledger import Ledger
from tracking.payloads import Decision, Payload, Proposed
from tracking.runs import RunDirs
from tracking.totals import COMMON_START

WORDS = "gpt-x cannot be asked (unauthorised: Incorrect API key)"
PROPOSED = next(payload for payload in samples.whole_run() if isinstance(payload, Proposed))
START = PROPOSED.model_copy(update={"trial": 0, "proposer": COMMON_START})
OWN = PROPOSED.model_copy(update={"trial": 1, "proposer": "llm:gpt-x"})
TURNED_BACK = Decision(decision=DecisionKind.REPEATED, reason="llm:gpt-x repeated trial 0", trial=0)


@pytest.fixture
def step(tmp_path: Path) -> Iterator[SearchStep]:
    folder = RunDirs(tmp_path).create("tiny", "llm", "s0")
    with Ledger.create(folder.ledger) as ledger:
        prepared = replace(prepare(RunConfig(), {}), config=RunConfig(llm="gpt-x"))
        yield SearchStep(
            RunContext(prepared, folder, ledger, LocalExecutor(), Interrupts(), lambda report, epochs: None)
        )


@pytest.mark.parametrize("events", [(), (START,)])
def test_a_dead_arm_fails_the_run_with_its_last_words(step: SearchStep, events: tuple[Payload, ...]) -> None:
    for event in (samples.whole_run()[0], *events):
        step.context.ledger.record(event)
    with pytest.raises(SearchFailedError, match="Incorrect API key") as caught:
        step._check_that_somebody_proposed(WORDS)
    assert "--switch-to" in str(caught.value)


@pytest.mark.parametrize(
    ("events", "problem"),
    [
        ((START, OWN), WORDS),
        ((START, TURNED_BACK), WORDS),
        ((START,), None),
    ],
    ids=["it has proposed before", "it was turned back", "one trial was all that was asked for"],
)
def test_an_arm_that_said_something_or_was_not_needed_does_not(
    step: SearchStep, events: tuple[Payload, ...], problem: str | None
) -> None:
    for event in (samples.whole_run()[0], *events):
        step.context.ledger.record(event)
    step._check_that_somebody_proposed(problem)


def test_uniform_has_proposed_all_that_it_has_with_the_common_start(step: SearchStep) -> None:
    prepared = replace(step.context.prepared, config=RunConfig(proposer="uniform"))
    step.context.ledger.record(START)
    uniform = SearchStep(replace(step.context, prepared=prepared))
    uniform._check_that_somebody_proposed("uniform has nothing new to propose")
