"""Which steps of a run a ledger leaves to do, and when the executor is ready for them. No step does its work here."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from search.execution.executor import Lost
from search.execution.interrupts import Interrupts
from search.execution.local import LocalExecutor
from search.run import STEPS, carry_out
from search.setup.config import RunConfig
from search.setup.preparation import Prepared, prepare
from search.steps.base import BaseStep, data_record
from search.steps.evaluation import EvaluationStep
from search.steps.export import ExportStep
from search.steps.finalists import FinalistsStep
from search.steps.finetune import FinetuneStep
from search.steps.plan import PlanStep
from search.steps.search import SearchStep
from search.steps.step import RunContext, Step
from search.steps.winner import restore_winner
from tests.synced import needs_names, note_syncs
from tests.tracking import samples
from tracking.events import payloads_of
from tracking.ledger import Ledger
from tracking.payloads import (
    BaseReady,
    Evaluated,
    Exported,
    Extended,
    FinetuneEnded,
    FinetuneStarted,
    Payload,
    PlanReady,
    Resumed,
    SplitRecord,
    Winner,
)
from tracking.runs import RunDirs
from trainers.job import FinetuneJob
from trainers.recipe import Recipe

WHOLE = samples.whole_run()
EXTENSION = (Resumed(from_seq=1), Extended(added=4))
AFTER_THE_PLAN = [SearchStep, FinalistsStep, FinetuneStep, ExportStep, EvaluationStep]


class CountingExecutor(LocalExecutor):
    """Tells how often it was made ready, whether it is, and who hears of its loss."""

    def __init__(self) -> None:
        self.opened, self.is_ready = 0, False
        self.lost: Lost | None = None

    @contextmanager
    def ready(self) -> Iterator[None]:
        self.opened, self.is_ready = self.opened + 1, True
        yield
        self.is_ready = False

    @contextmanager
    def watched(self, lost: Lost) -> Iterator[None]:
        self.lost = lost
        yield
        self.lost = None


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepare(RunConfig(), {})


@pytest.fixture
def context(prepared: Prepared, tmp_path: Path) -> Iterator[RunContext]:
    folder = RunDirs(tmp_path).create("tiny", "rules", "s0")
    with Ledger.create(folder.ledger) as ledger:
        yield RunContext(prepared, folder, ledger, CountingExecutor(), Interrupts(), lambda report, epochs: None)


def hear(what: str) -> None:
    """Of a loss, of which there is none here."""


def up_to(kind: type[Payload]) -> tuple[Payload, ...]:
    """The sample run to its last event of a kind."""
    last = max(place for place, payload in enumerate(WHOLE) if isinstance(payload, kind))
    return WHOLE[: last + 1]


def winner(trial: int) -> Winner:
    return Winner(trial=trial, strategy=samples.STRATEGY, allocation=(4, 16), macs=998, params=50, proxy_accuracy=0.9)


@pytest.mark.parametrize(
    ("recorded", "left"),
    [
        (WHOLE[:1], [PlanStep, *AFTER_THE_PLAN]),
        (up_to(PlanReady), AFTER_THE_PLAN),
        (up_to(Winner), [FinetuneStep, ExportStep, EvaluationStep]),
        (up_to(FinetuneEnded), [ExportStep, EvaluationStep]),
        (up_to(Evaluated), [ExportStep]),
        (WHOLE, []),
        ((*WHOLE, *EXTENSION), [SearchStep, FinalistsStep]),
        ((*WHOLE, *EXTENSION, winner(0)), []),
        ((*WHOLE, *EXTENSION, winner(1)), [FinetuneStep, ExportStep, EvaluationStep]),
    ],
)
def test_what_the_ledger_holds_is_not_done_again(
    context: RunContext, monkeypatch: pytest.MonkeyPatch, recorded: tuple[Payload, ...], left: list[type[Step]]
) -> None:
    """The base is always loaded. The executor is ready only for search and fine-tune, unless both are done."""
    for payload in recorded:
        context.ledger.record(payload)
    for name in ("finetune", "export"):
        monkeypatch.setattr(f"search.steps.{name}.is_whole", lambda folder: True)  # what the ledger claims is there
    executor, ran, ready = context.executor, [], []
    assert isinstance(executor, CountingExecutor)
    for step in STEPS:

        def run(this: Step) -> None:
            ran.append(type(this))
            ready.append(executor.is_ready)
            assert executor.lost is (hear if executor.is_ready else None)

        monkeypatch.setattr(step, "run", run)
    carry_out(context, hear)
    assert [step for step in ran if step in (PlanStep, *AFTER_THE_PLAN)] == left
    assert len(ran) == len(left) + 1
    assert ready == [step in (SearchStep, FinalistsStep, FinetuneStep) for step in ran]
    assert executor.opened == any(ready)
    assert not executor.is_ready


@pytest.mark.parametrize(
    ("recorded", "there", "left"),
    [
        (WHOLE, (), [FinetuneStep, ExportStep]),
        (WHOLE, ("model",), []),
        (WHOLE, ("finetune/model",), [ExportStep]),
        (up_to(FinetuneEnded), (), [FinetuneStep, ExportStep, EvaluationStep]),
        (up_to(FinetuneEnded), ("finetune/model",), [ExportStep, EvaluationStep]),
    ],
)
def test_what_the_ledger_claims_and_the_disk_lacks_is_done_again(
    context: RunContext, monkeypatch: pytest.MonkeyPatch, recorded: tuple[Payload, ...], there: tuple[str, ...],
    left: list[type[Step]],
) -> None:  # fmt: skip
    for payload in recorded:
        context.ledger.record(payload)
    for name in ("finetune", "export"):
        monkeypatch.setattr(
            f"search.steps.{name}.is_whole", lambda folder: folder in [context.folder.path / name for name in there]
        )
    ran: list[type[Step]] = []
    for step in STEPS:
        monkeypatch.setattr(step, "run", lambda this: ran.append(type(this)))
    carry_out(context)
    assert [step for step in ran if step in AFTER_THE_PLAN] == left


@pytest.mark.parametrize(
    ("whole", "allocation", "again"),
    [(True, (4, 16), False), (True, (16, 4), True), (False, (4, 16), True)],
    ids=["there", "another's", "lost"],
)
def test_the_winner_is_cut_again_where_its_checkpoint_is_not_the_one_that_was_named(
    context: RunContext, monkeypatch: pytest.MonkeyPatch, whole: bool, allocation: tuple[int, ...], again: bool
) -> None:
    for payload in up_to(Winner):
        context.ledger.record(payload)
    cut: list[tuple[int, ...]] = []
    module = "search.steps.winner"
    monkeypatch.setattr(RunContext, "splits", None)
    monkeypatch.setattr(RunContext, "base", None)
    monkeypatch.setattr(f"{module}.is_whole", lambda _: whole)
    monkeypatch.setattr(f"{module}.read_architecture", lambda _: SimpleNamespace(allocation=[*allocation]))
    monkeypatch.setattr(f"{module}.make_ground", lambda *_: None)
    monkeypatch.setattr(f"{module}._save", lambda _, __, ___, wanted, ____: cut.append(wanted))
    restore_winner(context)
    assert cut == ([(4, 16)] if again else [])


def test_a_signal_that_was_swallowed_in_one_step_ends_the_run_before_the_next(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[type[Step]] = []
    for step in STEPS:
        monkeypatch.setattr(step, "run", lambda this: ran.append(type(this)))
    monkeypatch.setattr(SearchStep, "run", lambda _: setattr(context.interrupts, "reason", "SIGINT"))
    with pytest.raises(KeyboardInterrupt, match="SIGINT"):
        carry_out(context)
    assert FinetuneStep not in ran
    assert PlanStep in ran


@needs_names
def test_the_exported_model_is_on_the_disk_before_the_ledger_says_so(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    for payload in up_to(FinetuneEnded):
        context.ledger.record(payload)
    winner = context.find(Winner)
    assert winner is not None
    monkeypatch.setattr("search.steps.export.load_pruned", lambda *_, **__: SimpleNamespace(module=None))
    monkeypatch.setattr("search.steps.export.count_macs", lambda *_: winner.macs)
    context.tuned.mkdir(parents=True)
    (context.tuned / "model.safetensors").write_bytes(b"weights")
    synced = note_syncs(monkeypatch)
    ExportStep(context).run()
    assert synced[0] == "model.safetensors"
    assert synced[2:] == ["-> model", context.folder.path.name, context.folder.ledger.name]
    assert context.find(Exported) is not None
    assert (context.folder.model / "model.safetensors").read_bytes() == b"weights"


@pytest.mark.parametrize(("recorded", "known"), [(WHOLE[:1], None), (WHOLE, "its own")])
def test_a_base_is_scored_only_where_the_ledger_does_not_hold_its_score(
    context: RunContext, monkeypatch: pytest.MonkeyPatch, recorded: tuple[Payload, ...], known: str | None
) -> None:
    """On one thread 50,000 images take an hour and a half, at each resume."""
    for payload in recorded:
        context.ledger.record(payload)
    asked: list[object] = []
    monkeypatch.setattr(RunContext, "splits", None)
    monkeypatch.setattr("search.steps.step.load_base", lambda *_, accuracy, compute, **__: asked.append(accuracy))
    _ = context.base
    held = [payload.holdout_accuracy for payload in recorded if isinstance(payload, BaseReady)]
    assert asked == (held[-1:] if known else [None])


def test_a_fine_tune_goes_on_by_the_recipe_that_it_began_with(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever has become of the defaults: another recipe would be another training, and its state refused."""
    begun = Recipe(lr=0.03, batch_size=24, epochs=5)
    for payload in (*up_to(Winner), FinetuneStarted(workers=1, recipe=begun.model_dump(mode="json"))):
        context.ledger.record(payload)
    jobs: list[FinetuneJob] = []

    def stop(job: FinetuneJob, *_: object) -> None:
        jobs.append(job)
        raise KeyboardInterrupt

    monkeypatch.setattr("search.steps.finetune.restore_winner", lambda context: None)
    monkeypatch.setattr(context.executor, "finetune", stop)
    with pytest.raises(KeyboardInterrupt):
        FinetuneStep(context).run()
    assert [job.recipe for job in jobs] == [begun]
    assert payloads_of(context.ledger.events, FinetuneStarted)[-1].recipe == begun.model_dump(mode="json")


@pytest.mark.parametrize(("name", "is_said"), [("other", True), (None, False)])
def test_a_base_that_is_not_the_one_a_run_began_with_is_said(
    context: RunContext, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str | None,
    is_said: bool,
) -> None:  # fmt: skip
    for payload in up_to(BaseReady):
        context.ledger.record(payload)
    recorded = payloads_of(context.ledger.events, BaseReady)[-1].checkpoint
    monkeypatch.setattr(
        RunContext,
        "base",
        SimpleNamespace(path=Path("elsewhere") / (name or Path(recorded).name), accuracy_holdout=1.0),
    )
    BaseStep(context).run()
    assert ("is now elsewhere/other, and this run began with" in caplog.text) == is_said


@pytest.mark.parametrize(
    ("changed", "told"), [({}, None), ({"train": SplitRecord(images=9, fingerprint="x")}, "(train differ)")]
)
def test_other_images_than_a_run_began_with_are_said(
    context: RunContext, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, changed: dict[str, Any],
    told: str | None,
) -> None:  # fmt: skip
    """A base from a file is the same file whatever the images are."""
    now = data_record(context.splits)
    monkeypatch.setattr(RunContext, "base", SimpleNamespace(path=Path("base"), accuracy_holdout=1.0))
    for payload in up_to(BaseReady)[:-1]:
        context.ledger.record(payload)
    begun = up_to(BaseReady)[-1].model_copy(update={"data": now.model_copy(update=changed)})
    context.ledger.record(begun)
    BaseStep(context).run()
    assert ("the images are not those" in caplog.text) == (told is not None)
    assert told is None or told in caplog.text


@pytest.mark.parametrize(("accuracy", "told"), [(0.001, True), (0.0016, True), (0.01, False)])
def test_a_base_that_only_guesses_is_told(accuracy: float, told: bool, caplog: pytest.LogCaptureFixture) -> None:
    """As weights for a thousand other classes do, whose head fits."""
    splits = SimpleNamespace(info=SimpleNamespace(num_classes=1000), holdout=range(10_000))
    base = SimpleNamespace(accuracy_holdout=accuracy, path=Path("published"))
    context: Any = SimpleNamespace(
        base=base, splits=splits, prepared=SimpleNamespace(plan=None),
        find=lambda kind: SimpleNamespace(checkpoint="published", data=None),
    )  # fmt: skip
    BaseStep(context).run()
    assert ("no more than guessing among 1000 classes would" in caplog.text) is told
