"""The driver killed outright, in the search and in the fine-tune, and then more trials than were asked for."""

import signal
from collections import Counter

import pytest

from search.phases import since_extension
from tests.cli.launched import QUICK, Launched, launch, says
from tracking.events import RunStatus
from tracking.payloads import (
    Evaluated,
    Extended,
    FinetuneStarted,
    Profiled,
    Proposed,
    TrialEnded,
    Winner,
    payloads_of,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

RESUME = ("resume", "latest", "--runs", "runs", "--repair")


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Launched:
    """The same run, killed in the search and in the fine-tune; then resumed to its end."""
    folder = tmp_path_factory.mktemp("killed")
    launched: tuple[str, ...] = (*QUICK, "--no-mlflow")
    for words in ("trial   3", "fine-tune: "):
        done = launch(folder, *launched, interrupt_at=says(words), by=signal.SIGKILL)
        assert done.code == -signal.SIGKILL, done.output
        launched = RESUME
    return launch(folder, *RESUME)


@pytest.fixture(scope="module")
def extended(killed: Launched) -> Launched:
    return launch(killed.folder, *RESUME, "--add-trials", "2")


def test_nothing_is_lost_or_repeated(killed: Launched) -> None:
    assert killed.code == 0, killed.output
    assert Counter(record.trial for record in payloads_of(killed.events, TrialEnded)) == Counter(range(6))
    assert len(payloads_of(killed.events, Profiled)) == 1
    assert len(payloads_of(killed.events, Evaluated)) == 2


def test_the_result_is_that_of_an_undisturbed_run(whole: Launched, killed: Launched) -> None:
    assert payloads_of(killed.events, Proposed) == payloads_of(whole.events, Proposed)
    assert _ends(killed) == _ends(whole)
    assert killed.summary.winner is not None
    assert whole.summary.winner is not None
    assert killed.summary.winner.trial == whole.summary.winner.trial
    assert killed.summary.winner.accuracy == whole.summary.winner.accuracy


def test_an_extension_goes_on_where_the_search_ended(whole: Launched, extended: Launched) -> None:
    assert extended.code == 0, extended.output
    events = extended.events
    assert [record.added for record in payloads_of(events, Extended)] == [2]
    assert Counter(record.trial for record in payloads_of(events, TrialEnded)) == Counter(range(8))
    assert payloads_of(events, Proposed)[:6] == payloads_of(whole.events, Proposed)
    winners = [record.trial for record in payloads_of(events, Winner)]
    changed = winners[-2] != winners[-1]
    tuned = payloads_of(since_extension(events), FinetuneStarted)
    assert len(tuned) == changed, "the winner is fine-tuned again if, and only if, it is another"
    assert len(payloads_of(events, Evaluated)) == 2 + changed
    assert extended.summary.status is RunStatus.FINISHED
    assert extended.summary.winner is not None
    assert extended.summary.winner.accuracy is not None


def _ends(run: Launched) -> dict[int, tuple[str, float | None]]:
    return {record.trial: (record.state.value, record.accuracy) for record in payloads_of(run.events, TrialEnded)}
