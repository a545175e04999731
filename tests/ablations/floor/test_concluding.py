"""What a study concludes from its report: once, in its ledger, and in the report that follows."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ablations.floor.journal import Journal
from ablations.floor.report import Extras, Report, Section
from ablations.floor.results import Results
from ablations.floor.running.folder import StudyFolder
from ablations.floor.running.opening import Request
from ablations.floor.running.run import StudyOutcome, StudyRun, report_again
from ablations.floor.study import PrepareContext
from tests.ablations.floor.toy import Toy, ToyOptions
from tests.ablations.study_contract import HERE
from tracking.events import payloads_of
from tracking.kinds import RunStatus
from tracking.reader import read_ledger
from tracking.study_payloads import Prepared, StudyEnded

OPTIONS = ToyOptions(seeds=2, loads=(0, 1))


class Concluding(Toy):
    """Counts how often it is asked, and concludes how many answers there are; `asked` may raise."""

    name = "concluding"
    asked: Callable[[], None] = staticmethod(lambda: None)

    def conclude(self, options: ToyOptions, report: Report, journal: Journal, context: PrepareContext) -> None:
        if journal.recall("conclusion") is None:
            type(self).asked()
            journal.record("conclusion", {"answers": len(report.answers)})
            context.say("it is concluded")

    def extras(self, options: ToyOptions, results: Results, artifacts: Path) -> Extras:
        entry = results.prepared.get("conclusion")
        return Extras(sections=(Section("Conclusion", (f"{entry['answers']} answers",)),) if entry else ())


@pytest.fixture(autouse=True)
def _without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ablations.floor.reporting.draw_figure_plots", lambda *_: ())


def run(folder: Path, study: Toy, said: list[str] | None = None) -> StudyOutcome:
    request = Request(study, OPTIONS, StudyFolder(folder), HERE)
    return StudyRun(request).execute(say=(said if said is not None else []).append)


def test_the_conclusion_is_in_the_report_and_drawn_once(tmp_path: Path) -> None:
    said: list[str] = []
    outcome = run(tmp_path, Concluding(), said)
    (section,) = outcome.report.sections
    assert section.paragraphs == (f"{len(outcome.report.answers)} answers",)
    assert outcome.report.answers
    assert said == ["it is concluded"]
    again = run(tmp_path, Concluding(), said)
    assert (len(said), again.report.sections) == (1, outcome.report.sections)
    assert report_again(Concluding(), tmp_path).report.sections == outcome.report.sections
    events = read_ledger(tmp_path / "ledger.jsonl")
    assert len(list(payloads_of(events, StudyEnded))) == 1


def test_a_study_that_was_over_can_conclude_later_and_is_over_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without:
        without.setattr(Concluding, "conclude", Toy.conclude)
        assert run(tmp_path, Concluding()).report.sections == ()
    assert run(tmp_path, Concluding()).report.sections
    events = read_ledger(tmp_path / "ledger.jsonl")
    assert isinstance(events[-1].payload, StudyEnded)
    assert len(list(payloads_of(events, Prepared))) == 1


def test_a_conclusion_that_fails_or_is_interrupted_loses_no_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise RuntimeError("planted")

    def interrupts() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Concluding, "asked", staticmethod(fails))
    with pytest.raises(RuntimeError, match="planted"):
        run(tmp_path, Concluding())
    monkeypatch.setattr(Concluding, "asked", staticmethod(interrupts))
    assert run(tmp_path, Concluding()).status is RunStatus.INTERRUPTED
    monkeypatch.setattr(Concluding, "asked", staticmethod(lambda: None))
    outcome = run(tmp_path, Concluding())
    assert (outcome.status, len(outcome.results.missing)) == (RunStatus.FINISHED, 0)
    assert outcome.report.sections
