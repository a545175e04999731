"""Trials that hang or whose process dies, under Ray for real: the first fail, the others run again, the rest go on."""

import dataclasses
import itertools
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from search.deadline import Deadline
from search.proposers.random import RandomProposer
from search.session import RETRIED, Report, SearchSession
from search.trial import TrialContext
from search.tuning import run_trials
from tests.cli.launched import endings
from tests.search import support
from tests.search.alone import run_trials_alone
from tracking.events import TrialState
from tracking.ledger import Ledger
from tracking.payloads import Decision, TrialEnded, TrialStarted, payloads_of
from trainers.datasets.memory import TensorSplit
from trainers.proxy import ProxyData
from trainers.recipe import ProxyRecipe

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

TRIALS = 6


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class HangingOnce(ProxyData):
    """The first trial that asks for its training images, in whatever process, waits for ever."""

    marker: str

    def train(self) -> TensorSplit:
        try:
            Path(self.marker).touch(exist_ok=False)
        except FileExistsError:
            return TensorSplit(self.train_images, self.train_labels, shift=self.shift, flip=self.flip)
        while True:
            time.sleep(1)


def context(data: ProxyData) -> TrialContext:
    recipe = ProxyRecipe(rungs=(0, 1), batch_size=8, recalibration_batches=1)
    return TrialContext(support.base(), support.plan(), support.scores(), data, recipe, seed=0, threads=1)


def images() -> ProxyData:
    """The same each time."""
    pixels, labels = torch.randn(16, 1, 32, 32, generator=torch.Generator().manual_seed(0)), torch.arange(16) % 10
    return ProxyData(pixels, labels, pixels, labels, shift=0, flip=False)


def run(session: SearchSession, data: ProxyData, folder: Path) -> None:
    run_trials(session, context(data), workers=2, cpus=1, gpus=0, storage=folder / "ray")


def test_a_hung_trial_is_killed_at_its_deadline(ray_session: None, tmp_path: Path) -> None:
    space = support.space()
    data = images()
    hanging = HangingOnce(
        **{field.name: getattr(data, field.name) for field in dataclasses.fields(data)}, marker=str(tmp_path / "hung")
    )
    with support.ledger_at(tmp_path) as ledger:
        session = support.session(ledger, RandomProposer(space), space, trials=5, eta=1, deadline=Deadline(15))
        run(session, hanging, tmp_path)
        ended = payloads_of(ledger.events, TrialEnded)
    failed = [record for record in ended if record.state is TrialState.FAILED]
    assert len(ended) == 5
    assert len(failed) == 1
    assert "--trial-timeout 15" in (failed[0].error or "")


def test_a_killed_actor_costs_no_trial_unless_it_dies_twice(ray_session: None, tmp_path: Path) -> None:
    """Trial 2 loses its process twice; trial 5, the last, once, when nothing is left to propose."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    with support.ledger_at(whole) as ledger:
        space = support.space()
        run_trials_alone(support.session(ledger, RandomProposer(space), space, trials=TRIALS, eta=1), context(images()))
        undisturbed = endings(ledger.events)
    with support.ledger_at(killed) as ledger:
        search(ledger, killed, victims=(2, 2, 5))
        reasons = [record.reason for record in payloads_of(ledger.events, Decision) if record.decision == RETRIED]
        begun = Counter(record.trial for record in payloads_of(ledger.events, TrialStarted))
        assert [end for end in endings(ledger.events) if end[0] != 2] == [end for end in undisturbed if end[0] != 2]
        (failed,) = (end for end in payloads_of(ledger.events, TrialEnded) if end.state is TrialState.FAILED)
    assert (failed.trial, failed.error) == (
        2,
        "the process of its trial actor died, as it had in an earlier run of this trial",
    )
    assert sorted(reasons) == [f"trial {trial}: the process of its trial actor died, so once more" for trial in (2, 5)]
    assert begun == Counter([*range(TRIALS), 2, 5])


def test_a_trials_compute_is_the_time_of_its_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two trials of two rungs by a clock that is read as each step begins and ends."""
    readings = itertools.accumulate([0.0, 2.0, 100.0, 3.0, 100.0, 1.0, 100.0, 5.0])
    monkeypatch.setattr("search.trial.time", SimpleNamespace(perf_counter=lambda: next(readings)))
    space = support.space()
    with support.ledger_at(tmp_path) as ledger:
        run_trials_alone(support.session(ledger, RandomProposer(space), space, trials=2, eta=1), context(images()))
        assert [record.compute_s for record in payloads_of(ledger.events, TrialEnded)] == [5.0, 6.0]


def search(ledger: Ledger, folder: Path, victims: Sequence[int]) -> None:
    """A search of six trials; the process of each victim is killed when its first rung arrives, so with one to go."""
    space = support.space()
    session = support.session(ledger, RandomProposer(space), space, trials=TRIALS, eta=1)
    heard, to_kill = session.on_report, list(victims)

    def killing(report: Report) -> bool:
        if report.rung == 0 and report.trial in to_kill:
            to_kill.remove(report.trial)
            os.kill(report.pid, signal.SIGKILL)
        return heard(report)

    session.on_report = killing  # type: ignore[method-assign]
    run(session, images(), folder)
