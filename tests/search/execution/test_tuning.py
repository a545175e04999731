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

from search.control.deadline import Deadline
from search.control.report import Report
from search.control.session import SearchSession
from search.execution.local import LocalExecutor
from search.execution.trial import TrialContext
from search.execution.tuning import run_trials
from search.proposers.random import RandomProposer
from tests.cli.launched import endings
from tests.search import support
from tracking.events import Event, payloads_of
from tracking.kinds import DecisionKind, TrialState
from tracking.payloads import Decision, TrialEnded, TrialStarted
from trainers.datasets.memory import TensorSplit
from trainers.proxy import ProxyData
from trainers.recipe import ProxyRecipe

# Nothing here depends on a time. The limit only ends a search that stands still: half a dozen processes of Ray's start
# in turn, each in ten seconds where cores are shared.
pytestmark = pytest.mark.slow

TRIALS = 6
DEADLINE_S = 15


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class HangingOnce(ProxyData):
    """The first trial that asks for its training images, in whatever process, waits for ever."""

    marker: str

    def train(self) -> TensorSplit:
        try:
            Path(self.marker).touch(exist_ok=False)
        except FileExistsError:
            return TensorSplit(self.train_images, self.train_labels, shift=self.shift, flip=self.flip)
        while True:
            signal.pause()


class HangClock:
    """A clock that stands still until one trial hangs and no other runs. Then the deadline is over.

    So no trial is overdue for being slow.
    """

    def __init__(self, session: SearchSession, marker: Path) -> None:
        self._session, self._marker = session, marker
        self._now = 0.0

    def monotonic(self) -> float:
        if self._marker.exists() and len(self._session.history.running) == 1:
            self._now = DEADLINE_S + 1.0
        return self._now


def context(data: ProxyData) -> TrialContext:
    recipe = ProxyRecipe(rungs=(0, 1), batch_size=8, recalibration_batches=1)
    return TrialContext(support.base(), support.plan(), support.scores(), data, recipe, seed=0, threads=1)


def images() -> ProxyData:
    """The same each time."""
    pixels, labels = torch.randn(16, 1, 32, 32, generator=torch.Generator().manual_seed(0)), torch.arange(16) % 10
    return ProxyData(pixels, labels, pixels, labels, shift=0, flip=False)


@pytest.fixture(scope="module")
def struck(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Event, ...]:
    """A search whose first trial to train hangs, and two others lose their processes.

    Trial 2 loses it twice, the last one once, when nothing is left to propose.
    """
    folder, space, victims = tmp_path_factory.mktemp("struck"), support.space(), [2, 2, TRIALS - 1]
    data, marker = images(), folder / "hung"
    hanging = HangingOnce(
        **{field.name: getattr(data, field.name) for field in dataclasses.fields(data)}, marker=str(marker)
    )
    with support.ledger_at(folder) as ledger, pytest.MonkeyPatch.context() as patch:
        deadline = Deadline(DEADLINE_S)
        session = support.session(ledger, RandomProposer(space), space, trials=TRIALS, eta=1, deadline=deadline)
        heard = session.on_report

        def killing(report: Report) -> bool:
            """Kills the process of a victim when its first rung arrives, so with one to go."""
            if report.rung is not None and report.rung.rung == 0 and report.trial in victims:
                victims.remove(report.trial)
                os.kill(report.pid, signal.SIGKILL)
            return heard(report)

        session.on_report = killing  # type: ignore[method-assign]
        patch.setattr("search.execution.tuning.time", HangClock(session, marker))
        run_trials(session, context(hanging), workers=2, cpus=1, gpus=0, storage=folder / "ray")
        return ledger.events


def failures(events: Sequence[Event]) -> dict[int, str]:
    return {end.trial: end.error or "" for end in payloads_of(events, TrialEnded) if end.state is TrialState.FAILED}


def hung(events: Sequence[Event]) -> list[int]:
    return [trial for trial, error in failures(events).items() if f"--trial-timeout {DEADLINE_S}" in error]


def test_a_hung_trial_is_killed_at_its_deadline(struck: tuple[Event, ...]) -> None:
    assert hung(struck) in ([0], [1]), "the two that begin at once"
    (end,) = (end for end in payloads_of(struck, TrialEnded) if end.trial in hung(struck))
    assert end.compute_s is None, "it reported nothing"


def test_a_killed_actor_costs_no_trial_unless_it_dies_twice(struck: tuple[Event, ...], tmp_path: Path) -> None:
    with support.ledger_at(tmp_path) as ledger:
        space = support.space()
        LocalExecutor().run_trials(
            support.session(ledger, RandomProposer(space), space, trials=TRIALS, eta=1), context(images())
        )
        undisturbed = endings(ledger.events)
    failed = failures(struck)
    assert failed.keys() == {*hung(struck), 2}
    assert failed[2] == "the process of its trial actor died, as it had in an earlier run of this trial"
    assert [end for end in endings(struck) if end[0] not in failed] == [
        end for end in undisturbed if end[0] not in failed
    ]
    again = [record for record in payloads_of(struck, Decision) if record.decision is DecisionKind.RETRIED]
    assert {(record.trial, record.reason) for record in again} == {
        (trial, "the process of its trial actor died, so once more") for trial in (2, 5)
    }
    assert len(again) == 2
    begun = Counter(record.trial for record in payloads_of(struck, TrialStarted) if record.trial not in hung(struck))
    assert begun == Counter([*(trial for trial in range(TRIALS) if trial not in hung(struck)), 2, 5])


def test_a_trials_compute_is_the_time_of_its_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two trials of two rungs by a clock that is read as each step begins and ends."""
    readings = itertools.accumulate([0.0, 2.0, 100.0, 3.0, 100.0, 1.0, 100.0, 5.0])
    clock = SimpleNamespace(perf_counter=lambda: next(readings), monotonic=time.monotonic)
    monkeypatch.setattr("search.execution.trial.time", clock)
    space = support.space()
    with support.ledger_at(tmp_path) as ledger:
        LocalExecutor().run_trials(
            support.session(ledger, RandomProposer(space), space, trials=2, eta=1), context(images())
        )
        assert [record.compute_s for record in payloads_of(ledger.events, TrialEnded)] == [5.0, 6.0]
