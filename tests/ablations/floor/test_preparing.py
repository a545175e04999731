"""What a study prepares before it measures: written down step by step, never done again, and known to every worker."""

import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ablations.floor.condition import Condition
from ablations.floor.journal import Journal, LedgerJournal
from ablations.floor.options import StudyOptions, make_options
from ablations.floor.report import Extras, Section
from ablations.floor.results import Results
from ablations.floor.running.folder import StudyFolder
from ablations.floor.running.opening import Request
from ablations.floor.running.run import StudyOutcome, StudyRun, report_again
from ablations.floor.study import MeasureContext, PrepareContext, Study
from tests.ablations.floor.toy import Toy, ToyOptions
from tests.ablations.memory_journal import MemoryJournal
from tests.ablations.study_contract import HERE, StudyContract
from tracking.events import payloads_of
from tracking.kinds import RunStatus
from tracking.ledger import Ledger
from tracking.reader import read_ledger
from tracking.study_payloads import ConditionBegun, Prepared

HANDS = ("left", "right")


class Weighed(Toy):
    """Weighs each hand before it throws; `at_step` hears of each weighing."""

    name = "weighed"
    at_step: Callable[[str], None] = staticmethod(lambda _: None)

    def prepare(self, options: ToyOptions, journal: Journal, context: PrepareContext) -> None:
        for hand in HANDS:
            context.check()
            if journal.recall(f"weight/{hand}") is None:
                type(self).at_step(hand)
                journal.record(f"weight/{hand}", {"grams": HANDS.index(hand) + 1})
                context.say(f"{hand} is weighed")

    def measure(self, options: ToyOptions, condition: Condition, context: MeasureContext) -> Mapping[str, float]:
        figures = super().measure(options, condition, context)
        grams = context.prepared[f"weight/{condition.factors['hand']}"]["grams"]
        return {**figures, "mean": figures["mean"] + grams}

    def extras(self, options: ToyOptions, results: Results, artifacts: Path) -> Extras:
        return Extras(sections=(Section("Weights", tuple(f"{k}: {v['grams']}" for k, v in results.prepared.items())),))


class TestWeighed(StudyContract):
    @pytest.fixture(scope="class")
    def study(self) -> Study[Any]:
        return Weighed()

    @pytest.fixture(scope="class")
    def options(self) -> StudyOptions:
        return ToyOptions(seeds=2, loads=(0, 1))


@pytest.fixture(autouse=True)
def _without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ablations.floor.reporting.draw_figure_plots", lambda *_: ())


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    done: list[str] = []
    monkeypatch.setattr(Weighed, "at_step", done.append)
    return done


def run(folder: Path, say: Callable[[str], None] = lambda _: None, **changes: Any) -> StudyOutcome:
    options = make_options(ToyOptions, {"seeds": 1, "loads": (0,), **changes})
    return StudyRun(Request(Weighed(), options, StudyFolder(folder), HERE)).execute(say=say)


def test_it_is_prepared_before_the_first_condition_and_once(tmp_path: Path, steps: list[str]) -> None:
    said: list[str] = []
    outcome = run(tmp_path, said.append)
    assert said == ["left is weighed", "right is weighed"]
    kinds = [type(event.payload) for event in read_ledger(tmp_path / "ledger.jsonl")]
    assert kinds[1:4] == [Prepared, Prepared, ConditionBegun]
    assert outcome.report.sections[0].paragraphs == ("weight/left: 1", "weight/right: 2")
    run(tmp_path)
    run(tmp_path, seeds=2)
    assert steps == list(HANDS), "neither at its end nor when it is extended"
    assert "weight/right: 2" in report_again(Weighed(), tmp_path).page.read_text()


def test_a_signal_ends_it_after_a_step_and_the_next_run_goes_on(
    tmp_path: Path, steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(hand: str) -> None:
        steps.append(hand)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Weighed, "at_step", interrupted)
    outcome = run(tmp_path)
    assert (outcome.status, outcome.results.measured) == (RunStatus.INTERRUPTED, ())
    events = read_ledger(tmp_path / "ledger.jsonl")
    assert [entry.key for entry in payloads_of(events, Prepared)] == ["weight/left"], "the step itself was not cut off"
    monkeypatch.setattr(Weighed, "at_step", steps.append)
    assert run(tmp_path).status is RunStatus.FINISHED
    assert steps == ["left", "right"]


def test_a_signal_in_the_last_step_measures_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(hand: str) -> None:
        if hand == "right":
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Weighed, "at_step", interrupted)
    outcome = run(tmp_path)
    assert outcome.status is RunStatus.INTERRUPTED
    assert payloads_of(read_ledger(tmp_path / "ledger.jsonl"), ConditionBegun) == ()


def test_what_cannot_be_prepared_ends_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(hand: str) -> None:
        raise OSError(f"the scales broke under the {hand} hand")

    monkeypatch.setattr(Weighed, "at_step", broken)
    with pytest.raises(OSError, match="the scales broke under the left hand"):
        run(tmp_path)
    assert "the scales broke" in (tmp_path / "ledger.jsonl").read_text()


def test_a_key_has_one_entry(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "ledger.jsonl") as ledger:
        journal = LedgerJournal(ledger)
        journal.record("a", {"n": 1})
        with pytest.raises(ValueError, match="has an entry of 'a'"):
            journal.record("a", {"n": 2})
        assert LedgerJournal(ledger).entries() == {"a": {"n": 1}}
    with pytest.raises(ValueError, match="has an entry of 'a'"):
        MemoryJournal({"a": {}}).record("a", {})
