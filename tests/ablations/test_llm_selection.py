"""The LLM-selection study: figures computed by hand, and complete files."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ablations.floor.errors import AblationError
from ablations.llm_selection import LlmSelection
from ablations.progress import band, best_so_far, gain_over_start, seconds_to_converge
from ablations.run_study import RunStudy
from ablations.study_files import write_study
from tests.ablations.run_study_contract import RunStudyContract
from tests.ablations.samples import arm_runs, run
from tests.ablations.test_comparison import cells
from tracking.kinds import TrialState
from tracking.mirror.records import RunRecord, TrialRecord


def trial(number: int, score: float | None, state: TrialState = TrialState.COMPLETED) -> TrialRecord:
    """Return a trial that starts at second `number` and ends two seconds later."""
    start = 1000 * number
    return TrialRecord(
        number, f"t{number}", "p", state, 1, 1, 1, True, score, 2.0, None, started_ms=start, ended_ms=start + 2000
    )


TRIALS = (
    trial(0, 0.5),
    trial(1, 0.99, TrialState.STOPPED_EARLY),
    trial(2, 0.795),
    trial(3, None, TrialState.FAILED),
    trial(4, 0.8),
)
ASKED = {
    "input_tokens": 900,
    "output_tokens": 100,
    "cost_usd": 0.01,
    "llm_answers": 4,
    "llm_valid": 3,
    "llm_parse_errors": 1,
    "llm_schema_errors": 0,
    "llm_out_of_range": 0,
    "llm_strategies": 12,
    "llm_repeated": 2,
    "llm_incoherent": 1,
}


def asked(arm: str, *accuracies: float) -> list[RunRecord]:
    """Return runs of an LLM, with trials and counted answers."""
    return [replace(one, trials=TRIALS, **ASKED) for one in arm_runs(arm, *accuracies)]  # type: ignore[arg-type]


class TestLlmSelection(RunStudyContract):
    @pytest.fixture
    def study(self) -> RunStudy:
        return LlmSelection()

    @pytest.fixture
    def runs(self) -> Sequence[RunRecord]:
        return [*asked("llm:x", 0.9, 0.91), *asked("llm:y", 0.8, 0.82), *arm_runs("tpe", 0.9, 0.9)]


def test_the_best_so_far_leaves_out_shorter_trainings_and_failures() -> None:
    assert best_so_far(run(trials=TRIALS)) == (0.5, 0.5, 0.795, 0.795, 0.8)
    assert best_so_far(run(trials=(trial(0, None, TrialState.FAILED), trial(1, 0.3)))) == (None, 0.3)


def test_a_band_has_a_mean_and_interval_per_trial() -> None:
    low, high = run(trials=(trial(0, 0.4), trial(1, 0.6))), run(trials=(trial(0, 0.6),))
    first, second = band([low, high])
    assert first is not None
    assert second is not None
    assert (first.mean, first.n) == (0.5, 2)
    assert (second.mean, second.n, second.low) == (0.6, 1, None)


def test_convergence_is_the_first_trial_within_a_point_of_the_best() -> None:
    assert seconds_to_converge(run(trials=TRIALS)) == 4.0  # trial 2 ends at second 4, with 0.795 of 0.8
    assert seconds_to_converge(run(trials=())) is None
    assert seconds_to_converge(run(trials=(trial(0, 0.9), trial(1, 0.8)))) is None, "it never improved on the start"
    assert seconds_to_converge(run(trials=(trial(0, None, TrialState.FAILED),))) is None


def test_the_gain_is_over_the_common_start() -> None:
    assert gain_over_start(run(trials=TRIALS)) == pytest.approx(0.3)
    assert gain_over_start(run(trials=TRIALS[1:])) is None


def test_figures_of_an_arm_computed_by_hand() -> None:
    slow = [replace(one, trials=tuple(replace(t, ended_ms=(t.ended_ms or 0) * 2) for t in TRIALS), started_ms=5)
            for one in asked("llm:y", 0.8)]  # fmt: skip
    table, *_ = LlmSelection().tables([*asked("llm:x", 0.9), *slow, *arm_runs("tpe", 0.7)])
    rows = {
        row[0]: row[1:]
        for row in cells(table, "arm", "converged_s", "convergence_ratio", "quality", "parse_errors", "tokens")
    }
    means = [getattr(value, "mean", value) for value in rows["llm (x)"]]
    assert means == [4.0, 1.0, 0.75, 1.0, 1000.0]
    assert rows["llm (y)"][1] == 2.0
    assert rows["tpe"] == (None, None, None, None, None), "a classical arm has no answers to count"


def test_all_files_are_written_and_contain_the_run_ids(tmp_path: Path) -> None:
    missed = [replace(one, revisions=3) for one in arm_runs("tpe", 0.9, 0.9, 0.85)]
    runs = [*asked("llm:<b>x</b>", 0.9, 0.91, 0.9), *missed]
    page = write_study(LlmSelection(), runs, tmp_path / "study")
    text = page.read_text()
    assert "<b>x</b>" not in text, "a model's name is text"
    assert "tpe-2" in text
    assert "<summary>3 runs</summary>" in text, "the ids are folded"
    assert text.index("<h2>Answers</h2>") < text.index('<table class="many">')
    assert "Published, not measured here" in text
    names = {path.name for path in (tmp_path / "study").iterdir()}
    assert {"llm_selection.csv", "pairs.tex", "tables.json", "best_so_far.png", "pareto.png", "revisions.png"} <= names


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AblationError, match="cannot be written"):
        write_study(LlmSelection(), asked("llm:x", 0.9), tmp_path / "file" / "study")
