"""A study in its folder: extended, refused in words, damaged, and read while it is written."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from ablations.floor.errors import AblationError, NothingMeasuredError, StudyFolderError, StudyOptionsError
from ablations.floor.execution.local import LocalStudyExecutor
from ablations.floor.execution.session import StudySession, condition_of
from ablations.floor.execution.worker import MeasureReport, Work
from ablations.floor.options import make_options
from ablations.floor.running.folder import StudyFolder
from ablations.floor.running.opening import Request
from ablations.floor.running.place import Place
from ablations.floor.running.run import StudyOutcome, StudyRun, report_again
from search.execution.interrupts import Interrupts
from tests.ablations.floor.toy import Toy, ToyOptions
from tests.tracking.samples import written_run
from tracking.errors import CorruptLedgerError, LockedError
from tracking.events import payloads_of
from tracking.kinds import RunStatus
from tracking.ledger import Ledger
from tracking.payloads import Interrupted, Resumed
from tracking.reader import read_ledger
from tracking.study_payloads import (
    ConditionBegun,
    ConditionFailed,
    ConditionMeasured,
    StudyEnded,
    StudyExtended,
    StudyStarted,
)

HERE = Place.model_validate({"executor": "local", "mlflow": False})
SMALL: dict[str, Any] = {"seeds": 2, "loads": (0, 1)}


def request(folder: Path, toy: Toy | None = None, **changes: Any) -> Request:
    options = make_options(ToyOptions, {**SMALL, **changes})
    return Request(toy or Toy(), options, StudyFolder(folder), HERE)


def run(folder: Path, **changes: Any) -> StudyOutcome:
    return StudyRun(request(folder, **changes)).execute()


@pytest.fixture(autouse=True)
def _without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ablations.floor.reporting.draw_figure_plots", lambda *_: ())


def test_the_ledger_tells_what_happened(tmp_path: Path) -> None:
    run(tmp_path, fail=1)
    events = read_ledger(tmp_path / "ledger.jsonl")
    (started,) = payloads_of(events, StudyStarted)
    assert (started.study, started.options["throws"], started.mlflow) == ("toy", 20, False)
    begun = payloads_of(events, ConditionBegun)
    assert [record.number for record in begun] == list(range(8))
    assert [record.seed for record in begun] == [42] * 4 + [43] * 4, "seed by seed"
    assert len(payloads_of(events, ConditionMeasured)) == len(payloads_of(events, ConditionFailed)) == 4
    ended = events[-1].payload
    assert isinstance(ended, StudyEnded)
    assert (ended.status, ended.measured, ended.failed) == (RunStatus.FINISHED, 4, 4)


def test_texts_of_a_condition_are_kept(tmp_path: Path) -> None:
    outcome = run(tmp_path)
    for measured in outcome.results.measured:
        folder = StudyFolder(tmp_path).artifacts / measured.condition.file_name
        assert len((folder / "throws.txt").read_text().split()) == 20


@pytest.mark.parametrize("more", [{"seeds": 3}, {"loads": (0, 1, 2)}, {"loads": "2,1,0", "seeds": 3}])
def test_more_conditions_extend_a_study(tmp_path: Path, more: dict[str, Any]) -> None:
    run(tmp_path / "grown")
    grown, at_once = run(tmp_path / "grown", **more), run(tmp_path / "at_once", **more)
    assert grown.report.tables == at_once.report.tables
    events = read_ledger(tmp_path / "grown" / "ledger.jsonl")
    keys = [record.condition for record in payloads_of(events, ConditionMeasured)]
    assert len(keys) == len(set(keys)) == len(at_once.results.measured)
    assert len(payloads_of(events, StudyExtended)) == 1
    assert report_again(Toy(), tmp_path / "grown").report.tables == grown.report.tables
    again = run(tmp_path / "grown", **more)
    assert len(read_ledger(tmp_path / "grown" / "ledger.jsonl")) == len(events)
    assert again.report.tables == grown.report.tables


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"throws": 30}, r"was begun with --throws 20, and now --throws 30 was asked for.*--output"),
        ({"seeds": 1}, r"has 8 conditions, and 4 of them are not asked for now, such as hand=left load=0 seed=43"),
        ({"loads": (1, 2)}, r"4 of them are not asked for now, such as hand=left load=0 seed=42"),
    ],
)
def test_what_cannot_go_on_is_refused_and_changes_nothing(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    run(tmp_path)
    before = (tmp_path / "ledger.jsonl").read_bytes()
    with pytest.raises(StudyFolderError, match=words):
        run(tmp_path, **change)
    assert (tmp_path / "ledger.jsonl").read_bytes() == before


class Other(Toy):
    """Another study."""

    name = "other"


def test_the_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "toy")
    with pytest.raises(StudyFolderError, match="holds the study 'toy', and 'other' was asked for"):
        StudyRun(request(tmp_path / "toy", Other())).execute()
    with pytest.raises(StudyFolderError, match="holds a run and no study"):
        run(written_run(tmp_path / "runs").path)
    with pytest.raises(StudyFolderError, match="There is no study in"):
        report_again(Toy(), tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(AblationError, match="cannot be written"):
        run(tmp_path / "file" / "study")


def test_a_torn_line_is_repaired_and_damage_is_not(tmp_path: Path) -> None:
    whole = run(tmp_path)
    ledger = tmp_path / "ledger.jsonl"
    lines = ledger.read_bytes().split(b"\n")
    ledger.write_bytes(b"\n".join(lines[:8]) + b"\n" + lines[8][:40])
    assert len(report_again(Toy(), tmp_path).results.missing) == 5, "only read: the torn line stays"
    assert run(tmp_path).report.tables == whole.report.tables
    assert payloads_of(read_ledger(ledger), Resumed)
    ledger.write_bytes(ledger.read_bytes().replace(b'"mean":3', b'"mean":4'))
    with pytest.raises(CorruptLedgerError):
        run(tmp_path)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    run(tmp_path)
    with Ledger.open(tmp_path / "ledger.jsonl"), pytest.raises(LockedError):
        run(tmp_path)


def test_nothing_measured_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(NothingMeasuredError, match=r"None of the 4 .*under the table.*--retry-failed"):
        run(tmp_path, loads=(1,), fail=1)
    ended = read_ledger(tmp_path / "ledger.jsonl")[-1].payload
    assert isinstance(ended, StudyEnded)
    assert ended.status is RunStatus.FAILED
    assert "under the table" in (tmp_path / "report.html").read_text()
    with pytest.raises(NothingMeasuredError, match="leave no condition"):
        run(tmp_path / "none", loads=())


def test_an_interrupt_keeps_what_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measure, calls = Toy.measure, list[str]()

    def interrupted(self: Toy, options: Any, condition: Any, context: Any) -> Any:
        calls.append(condition.key)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return measure(self, options, condition, context)

    monkeypatch.setattr(Toy, "measure", interrupted)
    outcome = run(tmp_path)
    assert (outcome.status, len(outcome.results.measured)) == (RunStatus.INTERRUPTED, 3)
    assert outcome.page.is_file(), "of what there is"
    events = read_ledger(tmp_path / "ledger.jsonl")
    assert [event.kind.value for event in events[-2:]] == ["interrupted", "study_ended"]
    assert run(tmp_path).status is RunStatus.FINISHED
    assert calls[3] == calls[4], "what was cut off begins again"
    assert len(calls) == 9


class Losing(LocalStudyExecutor):
    """Loses what it needs once two conditions are measured."""

    def watched(self, lost: Callable[[str], None]) -> AbstractContextManager[None]:
        self._lost = lost
        return nullcontext()

    def run(self, session: StudySession, work: Work, interrupts: Interrupts) -> None:
        heard = threading.Event()
        with interrupts.flagged(heard.set):
            for _ in range(2):
                session.report(report_of(session.take().config))
            threading.Thread(target=self._lost, args=("a vital process has ended",), daemon=True).start()
            heard.wait()
        interrupts.check()


def test_the_loss_of_ray_is_an_interrupt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("ablations.floor.running.run.executor_at", lambda *_: Losing())
        outcome = run(tmp_path)
    assert (outcome.status, len(outcome.results.measured)) == (RunStatus.INTERRUPTED, 2)
    (interrupted,) = payloads_of(read_ledger(tmp_path / "ledger.jsonl"), Interrupted)
    assert interrupted.reason == "Ray was lost: a vital process has ended"
    assert run(tmp_path).status is RunStatus.FINISHED


@pytest.fixture
def session(tmp_path: Path) -> StudySession:
    ledger = Ledger.create(tmp_path / "session.jsonl")
    return StudySession(Toy().conditions(ToyOptions(seeds=1, loads=(0,))), ledger, timeout_s=10.0)


def report_of(config: Any, **changes: Any) -> MeasureReport:
    key = condition_of(config).key
    fields = {"figures": {"mean": 1.0}, "error": None, "wall_s": 1.0, "worker": "w", **changes}
    return MeasureReport(condition=key, **fields)


def test_a_condition_whose_process_dies_is_measured_once_more_and_then_failed(session: StudySession) -> None:
    first = session.take().config
    assert first is not None
    session.lost(first)
    again = session.take().config
    assert again == first
    session.lost(first)
    session.lost(first)
    second = session.take().config
    assert second is not None
    assert session.take() == (None, False), "it may still be lost"
    session.report(report_of(second))
    session.lost(second)
    assert session.take() == (None, True)
    (failed,) = session.results().failed
    assert failed.error == "the process that measured it died, twice"
    assert len(session.results().measured) == 1


def test_a_condition_that_hangs_has_failed_once(session: StudySession) -> None:
    config = session.take().config
    assert config is not None
    assert not session.overdue(config, 9.0)
    assert session.overdue(config, 11.0)
    assert not session.overdue(config, 12.0)
    session.lost(config)
    session.report(report_of(config))
    (failed,) = session.results().failed
    assert failed.error == "it was not measured within --timeout 10 seconds"


def test_an_interrupted_session_begins_nothing_and_keeps_what_still_arrives(session: StudySession) -> None:
    config = session.take().config
    assert config is not None
    session.interrupt()
    assert session.take() == (None, True)
    session.lost(config)
    session.report(report_of(config))
    assert len(session.results().measured) == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"executor": "local", "workers": 2}, "--executor local and --workers 2 contradict"),
        ({"executor": "local", "timeout": 3}, "--executor local and --timeout 3 contradict"),
        ({"mlflow": False, "tracking_uri": "sqlite:///x.db"}, "--no-mlflow and --tracking-uri"),
        ({"tracking_uri": "postgresql://me:secret@host/db"}, "holds a password"),
        ({"workers": 0}, "--workers 0 cannot be used"),
        ({"cpus": "many"}, "--cpus many cannot be used"),
    ],
)
def test_a_place_that_cannot_be_is_refused_in_words(given: dict[str, Any], words: str) -> None:
    with pytest.raises(StudyOptionsError, match=words) as refused:
        make_options(Place, given)
    assert "secret" not in str(refused.value)


def test_an_option_that_is_not_there_has_a_near_miss() -> None:
    with pytest.raises(StudyOptionsError, match=r"There is no option 'trows'.*throws"):
        make_options(ToyOptions, {"trows": 3})


def test_a_condition_is_on_the_disk_before_it_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measure, seen = Toy.measure, list[bool]()

    def looking(self: Toy, options: Any, condition: Any, context: Any) -> Any:
        last = read_ledger(tmp_path / "ledger.jsonl")[-1].payload
        seen.append(isinstance(last, ConditionBegun) and last.condition == condition.key)
        return measure(self, options, condition, context)

    monkeypatch.setattr(Toy, "measure", looking)
    run(tmp_path)
    assert seen == [True] * 8
