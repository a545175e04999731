"""Trials that hang or die, under Ray for real: they are recorded as failed, and the others go on."""

import dataclasses
import os
import signal
import time
from pathlib import Path

import pytest
import torch

from search.deadline import Deadline
from search.proposers.random import RandomProposer
from search.session import Report, SearchSession
from search.trial import TrialContext
from search.tuning import run_trials
from tests.search import support
from tracking.events import TrialState
from tracking.ledger import Ledger
from tracking.payloads import TrialEnded, payloads_of
from trainers.datasets.memory import TensorSplit
from trainers.proxy import ProxyData
from trainers.recipe import ProxyRecipe

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


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
    pixels, labels = torch.randn(16, 1, 32, 32), torch.arange(16) % 10
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


def test_a_killed_actor_fails_its_trial_and_no_other(ray_session: None, tmp_path: Path) -> None:
    space = support.space()
    with support.ledger_at(tmp_path) as ledger:
        session = support.session(ledger, RandomProposer(space), space, trials=6, eta=1)
        heard = session.on_report
        killed: list[int] = []

        def killing(report: Report) -> bool:
            if report.trial == 2 and not killed:
                killed.append(report.pid)
                os.kill(report.pid, signal.SIGKILL)
            return heard(report)

        session.on_report = killing  # type: ignore[method-assign]
        run(session, images(), tmp_path)
        _one_failed(ledger, 2)


def _one_failed(ledger: Ledger, trial: int) -> None:
    ended = {record.trial: record for record in payloads_of(ledger.events, TrialEnded)}
    assert sorted(ended) == list(range(6))
    assert [number for number, record in ended.items() if record.state is TrialState.FAILED] == [trial]
    assert ended[trial].error == "the process of its trial actor died"
