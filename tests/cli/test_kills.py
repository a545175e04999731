"""A run that is interrupted twice in its search and killed in its fine-tune, and then extended by more trials."""

import os
import re
import shutil
import signal
from collections import Counter
from dataclasses import dataclass

import pytest

from cli.main import main
from search.errors import ConfigError
from search.launching import Launch
from search.run import RunOutcome
from search.setup.config import RunConfig
from tests.cli.alone import run_alone
from tests.cli.launched import QUICK, Launched, launch, says
from tracking.events import payloads_of
from tracking.kinds import RunStatus
from tracking.payloads import (
    Evaluated,
    Extended,
    FinetuneStarted,
    Interrupted,
    Profiled,
    Proposed,
    RunEnded,
    RunStarted,
    TrialEnded,
    Winner,
)
from tracking.phases import since_extension

pytestmark = pytest.mark.slow

RESUME = ("resume", "latest", "--runs", "runs", "--repair")


@dataclass(frozen=True)
class Story:
    """What each signal left, and the run at its end."""

    terminated: Launched
    interrupted: Launched
    killed: Launched
    ended: Launched


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The run of `whole`, on one worker instead of two."""
    folder = tmp_path_factory.mktemp("killed")

    def struck(by: signal.Signals, words: str, *arguments: str) -> Launched:
        return launch(folder, *arguments, interrupt_at=says(words), by=by)

    def end_all(driver: int) -> None:
        """As a scheduler or `kill -- -PID` does: it is the driver that hears it, and not Ray's processes."""
        os.killpg(driver, signal.SIGTERM)

    begun = (*QUICK, "--workers", "1", "--no-mlflow")
    return Story(
        launch(folder, *begun, interrupt_at=says("trial   1"), strike=end_all),
        struck(signal.SIGINT, "trial   3", *RESUME),
        struck(signal.SIGKILL, "fine-tune: ", *RESUME),
        launch(folder, *RESUME),
    )


@pytest.fixture(scope="module")
def extended(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Launched:
    folder = tmp_path_factory.mktemp("extended") / "copy"
    shutil.copytree(story.ended.folder, folder, symlinks=True)
    return run_alone(folder, *RESUME, "--add-trials", "2")


def test_sigterm_to_all_processes_is_an_interrupt_like_ctrl_c(story: Story) -> None:
    for run in (story.terminated, story.interrupted):
        assert run.code == 130, run.output
        assert re.search(rf"launch\.py resume \S*{run.run.run_id}", run.output), run.output
    assert story.killed.code == -signal.SIGKILL, story.killed.output
    events = story.ended.events
    assert [interrupted.reason for interrupted in payloads_of(events, Interrupted)] == ["SIGTERM", "SIGINT"]
    assert [ended.status for ended in payloads_of(events, RunEnded)][:2] == [RunStatus.INTERRUPTED] * 2


def test_nothing_is_lost_or_repeated(story: Story) -> None:
    assert story.ended.code == 0, story.ended.output
    events = story.ended.events
    assert Counter(record.trial for record in payloads_of(events, TrialEnded)) == Counter(range(6))
    assert len(payloads_of(events, Profiled)) == 1
    assert len(payloads_of(events, Evaluated)) == 2


def test_the_result_is_that_of_an_undisturbed_run(whole: Launched, story: Story) -> None:
    """Another number of workers, three signals and three resumes: the same proposals, scores, winner and accuracy."""
    ended = story.ended
    assert payloads_of(ended.events, Proposed) == payloads_of(whole.events, Proposed)
    assert ended.ends == whole.ends
    assert ended.summary.winner is not None
    assert whole.summary.winner is not None
    assert ended.summary.winner.trial == whole.summary.winner.trial
    assert ended.summary.winner.strategy == whole.summary.winner.strategy
    assert ended.summary.winner.accuracy == whole.summary.winner.accuracy


@pytest.mark.parametrize("changed", [{}, {"ray_address": "10.0.0.1:6379", "workers": 3, "finetune_workers": 1}])
def test_it_can_go_on_with_another_cluster(
    story: Story, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str | int]
) -> None:
    seen: list[RunConfig] = []

    def execute(launch: Launch, _: object) -> RunOutcome:
        seen.append(launch.config)
        launch.close()
        raise ConfigError("this is far enough")

    monkeypatch.setattr(Launch, "execute", execute)
    monkeypatch.setattr("search.launching.check_answers", lambda _: None)
    monkeypatch.setattr("search.launching.surveyed_needs", lambda prepared: prepared.needs)
    options = [word for name, value in changed.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    assert main(["resume", "latest", "--runs", str(story.ended.folder / "runs"), "--add-trials", "1", *options]) == 2
    before = payloads_of(story.ended.events, RunStarted)[0].config
    # The folder of runs was recorded as it was given; from another place it is found where it is.
    here = {"runs": str(story.ended.run.path.parent)}
    assert seen[0].model_dump(mode="json") == {**before, "trials": before["trials"] + 1, **here, **changed}


def test_a_finished_run_is_not_resumed(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", "latest", "--runs", str(story.ended.folder / "runs")]) == 2
    assert "is finished" in capsys.readouterr().err


def test_an_extension_goes_on_where_the_search_ended(whole: Launched, extended: Launched) -> None:
    assert extended.code == 0
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
