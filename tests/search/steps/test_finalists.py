"""Finalists: the best by the search are trained for a while, the best of them goes on, and nothing is done twice."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from search.launching import reopen
from search.outcome.sentences import sentences
from search.outcome.summary import summarise
from tests.cli.alone import run_alone
from tests.trainers.pruned import same_bits, weights
from tracking.events import Event, payloads_of
from tracking.payloads import FinalistEnded, FinalistEpoch, Finalists, FinetuneEpoch, Proposed, TrialEnded, Winner
from tracking.reader import read_ledger
from tracking.runs import RunDir
from trainers.history import EpochReport, append_epoch

LINE = ("search", "--trials", "3", "--epochs", "3", "--no-mlflow", "--proposer", "random", "--criteria", "l2")
FINALISTS = ("--finalists", "2", "--finalist-epochs", "1")


@contextmanager
def trained_epochs() -> Iterator[list[tuple[str, int]]]:
    """Hear which epochs of what are really trained: not those that are read back from a state."""
    heard: list[tuple[str, int]] = []

    def hear(path: Path, report: EpochReport) -> None:
        heard.append((path.parent.parent.name, report.epoch))
        append_epoch(path, report)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trainers.job.append_epoch", hear)
        yield heard


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDir, list[tuple[str, int]]]:
    """A run with two finalists, and the epochs that were trained in it."""
    with trained_epochs() as heard:
        done = run_alone(tmp_path_factory.mktemp("finalists"), *LINE, *FINALISTS)
    assert done.code == 0
    return done.run, heard


def events_of(run: RunDir) -> tuple[Event, ...]:
    return tuple(read_ledger(run.ledger))


def test_the_best_two_are_trained_and_the_best_of_them_goes_on(
    finished: tuple[RunDir, list[tuple[str, int]]],
) -> None:
    run, heard = finished
    events = events_of(run)
    (final,), (winner,) = payloads_of(events, Finalists), payloads_of(events, Winner)
    macs = {spec.trial: spec.macs for spec in payloads_of(events, Proposed)}
    ends = {end.trial: end.accuracy or 0.0 for end in payloads_of(events, TrialEnded) if end.state == "completed"}
    ranked = sorted(ends, key=lambda trial: (-ends[trial], macs[trial], trial))
    assert (final.trials, final.epochs) == (tuple(ranked[:2]), 1)
    scores = {end.trial: (end.holdout_accuracy, -end.holdout_loss) for end in payloads_of(events, FinalistEnded)}
    assert winner.trial == max(scores, key=lambda trial: scores[trial])
    assert winner.proxy_accuracy == ends[winner.trial]
    # One epoch of each finalist, and of the winner only what was left.
    names = [f"trial-{trial:03d}" for trial in final.trials]
    assert heard == [(names[0], 1), (names[1], 1), (run.path.name, 2), (run.path.name, 3)]
    own = [epoch for epoch in payloads_of(events, FinalistEpoch) if epoch.trial == winner.trial]
    tuned = payloads_of(events, FinetuneEpoch)
    assert [epoch.epoch for epoch in tuned] == [1, 2, 3]
    assert (own[0].train_loss, own[0].holdout_accuracy) == (tuned[0].train_loss, tuned[0].holdout_accuracy)


def test_each_event_is_written_before_the_next_step_begins(finished: tuple[RunDir, list[tuple[str, int]]]) -> None:
    kinds = [event.payload.kind.value for event in events_of(finished[0])]
    order = ["finalists", "finalist_epoch", "finalist_ended", "finalist_epoch", "finalist_ended", "winner"]
    assert [kind for kind in kinds if kind.startswith("finalist") or kind == "winner"] == order


def test_the_winner_is_what_its_undisturbed_fine_tune_gives(
    finished: tuple[RunDir, list[tuple[str, int]]], tmp_path: Path
) -> None:
    run, _ = finished
    copy = RunDir(shutil.copytree(run.path, tmp_path / run.run_id))
    for lost in ("finalists", "finetune", "model"):
        shutil.rmtree(copy.path / lost)
    reopen(copy).execute()
    assert same_bits(weights(copy.model), weights(run.model))


def test_the_summary_says_among_what_it_was_chosen(finished: tuple[RunDir, list[tuple[str, int]]]) -> None:
    events = events_of(finished[0])
    summary = summarise(events)
    assert summary.explanation is not None
    assert summary.winner is not None
    found = summary.explanation.finalists
    ended = payloads_of(events, FinalistEnded)
    assert [(final.trial, final.accuracy) for final in found] == [(end.trial, end.holdout_accuracy) for end in ended]
    last = sentences(summary.explanation, summary.winner)[-1]
    assert last.startswith("It was chosen from the 2 best trials after 1 epoch of fine-tuning each: ")
    assert last.endswith("the test set was read for it alone.")


@pytest.mark.parametrize("ended", [1, 2])
def test_a_run_that_died_in_the_final_repeats_nothing(
    finished: tuple[RunDir, list[tuple[str, int]]], tmp_path: Path, ended: int
) -> None:
    """Right after the end of the first finalist, or of the second: before the winner had a name."""
    run, before = finished
    events = events_of(run)
    (final,) = payloads_of(events, Finalists)
    copy = RunDir(shutil.copytree(run.path, tmp_path / run.run_id))
    last = [event.seq for event in events if isinstance(event.payload, FinalistEnded)][ended - 1]
    lines = copy.ledger.read_text().splitlines(keepends=True)
    copy.ledger.write_text("".join(lines[:last]))
    for lost in ("pruned", "finetune", "model", *(f"finalists/trial-{trial:03d}" for trial in final.trials[ended:])):
        shutil.rmtree(copy.path / lost)
    with trained_epochs() as heard:
        reopen(copy).execute()
    assert heard == before[ended:]
    again = events_of(copy)
    assert [end.trial for end in payloads_of(again, FinalistEnded)] == list(final.trials)
    assert payloads_of(again, Winner) == payloads_of(events, Winner)
    assert same_bits(weights(copy.model), weights(run.model))
