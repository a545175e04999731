"""The step of the finalists with a fine-tune that only counts: room for one or several, and a kill after any event."""

import json
import threading
from pathlib import Path

import pytest

from search.execution.interrupts import Interrupts
from search.execution.local import LocalExecutor
from search.setup.config import RunConfig
from search.setup.preparation import Prepared, prepare
from search.steps.finalists import FinalistsStep, describe_room
from search.steps.step import RunContext
from tests.tracking import samples
from tracking.ledger import Ledger
from tracking.payloads import FinalistEnded, FinalistEpoch, Finalists, Payload, Winner
from tracking.reader import read_ledger
from tracking.runs import RunDirs
from trainers.history import EpochReport
from trainers.job import FinetuneJob, FinetuneResult, OnEpoch
from trainers.progress import Check, OnProgress, Progress, unchecked
from trainers.workers import Workers

TRIALS, EPOCHS, BEST = (4, 0, 2), 2, 0
FINAL = Finalists(trials=TRIALS, epochs=EPOCHS, recipe={"epochs": 5})


class Counting(LocalExecutor):
    """Trains nothing, and keeps its epochs on the disk as a fine-tune does."""

    def __init__(self, room: int, log: Path) -> None:
        super().__init__()
        self.room, self.log = room, log
        self.threads: list[str] = []

    def finetunes_at_once(self) -> int:
        return self.room

    def finetune(
        self, job: FinetuneJob, on_epoch: OnEpoch, on_progress: OnProgress, check: Check = unchecked, among: int = 1
    ) -> FinetuneResult:
        assert 1 <= among <= self.room
        trial, state = int(job.out_dir.parent.name.removeprefix("trial-")), job.out_dir / "state.json"
        self.threads.append(threading.current_thread().name)
        job.out_dir.mkdir(parents=True, exist_ok=True)
        trained = json.loads(state.read_text()) if state.exists() else 0
        on_progress(Progress("training"))
        assert job.stop_after is not None
        for epoch in range(1, job.stop_after + 1):
            check()
            if epoch > trained:
                state.write_text(json.dumps(epoch))
                with self.log.open("a") as lines:
                    lines.write(f"{trial} {epoch}\n")
            on_epoch(report(trial, epoch))
        history = tuple(report(trial, epoch) for epoch in range(1, job.stop_after + 1))
        return FinetuneResult(job.out_dir, history, 1.0, 1, completed=False)


def report(trial: int, epoch: int) -> EpochReport:
    return EpochReport(epoch, 1.0, 0.9 if trial == BEST else 0.5, 1.0, 0.1, 1.0)


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepare(RunConfig(), {})


@pytest.fixture(autouse=True)
def without_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is cut, and the winner's checkpoint, are other tests' matter."""

    def name_winner(context: RunContext, trial: int, ground: object) -> None:
        context.ledger.record(
            Winner(trial=trial, strategy=samples.STRATEGY, allocation=(4, 16), macs=9, params=5, proxy_accuracy=0.9)
        )

    monkeypatch.setattr("search.steps.finalists.make_ground", lambda *arguments: None)
    monkeypatch.setattr("search.steps.finalists.save_cut", lambda *arguments: None)
    monkeypatch.setattr("search.steps.finalists.name_winner", name_winner)
    monkeypatch.setattr(RunContext, "splits", None)
    monkeypatch.setattr(RunContext, "base", None)


class Final:
    """A run that has come to its finalists, and may go on several times."""

    def __init__(self, prepared: Prepared, folder: Path, room: int) -> None:
        self._prepared, self.run = prepared, RunDirs(folder).create("tiny", "rules", "s0")
        self.executor, self.told = Counting(room, folder / "trained"), list[Progress]()
        self.log = folder / "trained"
        with Ledger.create(self.run.ledger) as ledger:
            ledger.record(samples.run_started())
            ledger.record(FINAL)

    def go_on(self, monkeypatch: pytest.MonkeyPatch, dies_after: int | None = None) -> None:
        """Carry out the step; die once so many more events are on the disk."""
        with Ledger.open(self.run.ledger) as ledger:
            record, left = ledger.record, [dies_after]

            def recorded(payload: Payload) -> object:
                assert threading.current_thread() is threading.main_thread()
                found = record(payload)
                if left[0] is not None:
                    left[0] -= 1
                    if left[0] == 0:
                        raise KeyboardInterrupt
                return found

            monkeypatch.setattr(ledger, "record", recorded)
            context = RunContext(
                self._prepared, self.run, ledger, self.executor, Interrupts(), lambda report, epochs: None,
                self.told.append,
            )  # fmt: skip
            step = FinalistsStep(context)
            assert not step.is_done()
            step.run()
            assert step.is_done()

    @property
    def events(self) -> tuple[Payload, ...]:
        return tuple(event.payload for event in read_ledger(self.run.ledger))[2:]


@pytest.fixture(params=[1, 2, 3], ids=lambda room: f"room-for-{room}")
def final(request: pytest.FixtureRequest, prepared: Prepared, tmp_path: Path) -> Final:
    return Final(prepared, tmp_path, request.param)


def test_whatever_the_room_all_are_trained_once_and_the_best_wins(
    final: Final, monkeypatch: pytest.MonkeyPatch
) -> None:
    final.go_on(monkeypatch)
    assert isinstance(final.events[-1], Winner)
    assert final.events[-1].trial == BEST
    own = [event for event in final.events if isinstance(event, FinalistEpoch | FinalistEnded)]
    for trial in TRIALS:
        kinds = [type(event) for event in own if event.trial == trial]
        assert kinds == [FinalistEpoch, FinalistEpoch, FinalistEnded]
    assert len(final.executor.threads) == len(TRIALS)
    at_once = final.executor.room > 1
    assert all(name.startswith("side-by-side") == at_once for name in final.executor.threads)
    assert final.told[0].who == "finalists"
    assert {one.who for one in final.told[1:]} == {f"finalist {trial}" for trial in TRIALS}


@pytest.mark.parametrize("dies_after", range(1, len(TRIALS) * (EPOCHS + 1) + 1))
def test_killed_after_any_event_nothing_is_lost_and_nothing_trained_twice(
    final: Final, monkeypatch: pytest.MonkeyPatch, dies_after: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        final.go_on(monkeypatch, dies_after)
    ended = {event.trial for event in final.events if isinstance(event, FinalistEnded)}
    final.executor.threads.clear()
    final.go_on(monkeypatch)
    assert len(final.executor.threads) == len(TRIALS) - len(ended), "what has ended is not even asked for"
    trained = final.log.read_text().splitlines()
    assert sorted(trained) == sorted(f"{trial} {epoch}" for trial in TRIALS for epoch in range(1, EPOCHS + 1))
    epochs = [(event.trial, event.epoch) for event in final.events if isinstance(event, FinalistEpoch)]
    assert sorted(epochs) == sorted((trial, epoch) for trial in TRIALS for epoch in range(1, EPOCHS + 1))
    assert sorted(event.trial for event in final.events if isinstance(event, FinalistEnded)) == sorted(TRIALS)
    assert [event.trial for event in final.events if isinstance(event, Winner)] == [BEST]


@pytest.mark.parametrize(
    ("at_once", "workers", "said"),
    [
        (2, Workers(1, 1), "2 are trained side by side, on 1 worker each"),
        (3, Workers(2, 8), "3 are trained side by side, on 2 to 8 workers each, and divide them"),
        (1, Workers(1, 1), "trained one after another: there is room for one of them, on 1 worker"),
        (1, Workers(8, 8), "trained one after another: there is room for one of them, on 8 workers; fewer --finetune"),
    ],
)
def test_how_they_are_trained_is_said(at_once: int, workers: Workers, said: str) -> None:
    assert describe_room(at_once, workers).partition("-workers leave")[0] == said
