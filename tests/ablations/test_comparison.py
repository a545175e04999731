"""The comparison: arms are ranked on equal terms only, and no figure is made up."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ablations.comparison import Comparison
from ablations.floor.errors import NothingToCompareError, UnknownStudyError
from ablations.floor.questions import Verdict
from ablations.floor.table import MISSING, Table
from ablations.published import llm_selection
from ablations.ranking import compare
from ablations.registry import study as study_by_name
from ablations.run_study import RunStudy
from tests.ablations.run_study_contract import RunStudyContract
from tests.ablations.samples import BASE, arm_runs, run
from tracking.kinds import RunStatus
from tracking.mirror.records import RunRecord


class TestComparison(RunStudyContract):
    @pytest.fixture
    def study(self) -> RunStudy:
        return Comparison()

    @pytest.fixture
    def runs(self) -> Sequence[RunRecord]:
        failed = run("tpe", 0, None, status=RunStatus.FAILED, run_id="broken")
        return [*arm_runs("rules", 0.9, 0.91, 0.92), *arm_runs("llm:claude-x", 0.93, 0.94, 0.95), failed]


def cells(table: Table, *keys: str) -> list[tuple[object, ...]]:
    """Return some columns of a table."""
    index = {column.key: position for position, column in enumerate(table.columns)}
    return [tuple(row[index[key]] for key in keys) for row in table.rows]


def test_arms_are_ranked_by_mean_test_accuracy() -> None:
    arms = compare([*arm_runs("rules", 0.9, 0.92), *arm_runs("llm:x", 0.93, 0.94), *arm_runs("tpe", 0.91, 0.91)])
    assert [(standing.rank, standing.arm.label) for standing in arms.standings] == [
        (1, "llm (x)"),
        (2, "rules"),
        (2, "tpe"),
    ]
    assert arms.notes == ()


def test_two_models_of_one_proposer_are_two_arms() -> None:
    arms = compare([run("llm:x"), run("llm:y"), run("llm")])
    assert [standing.arm.label for standing in arms.standings] == ["llm", "llm (x)", "llm (y)"]


@pytest.mark.parametrize(
    "change",
    [
        {"model": "other"},
        {"dataset": "shapes"},
        {"target_macs": 1_000_001},
        {"baseline_macs": 11_000_000},
        {"counter": "torch"},
    ],
)
def test_different_tasks_are_never_ranked_together(change: dict[str, object]) -> None:
    arms = compare([run("rules"), run("tpe", 0, 0.95, **change)])
    assert [standing.rank for standing in arms.standings] == [None, None]
    assert len({standing.cell for standing in arms.standings}) == 2
    assert arms.pairs == ()


@pytest.mark.parametrize("term", ["epochs", "trials", "lr", "anything_new"])
def test_a_cell_whose_runs_differ_in_more_than_the_arm_is_not_ranked(term: str) -> None:
    other = run("tpe", config={**(BASE.config or {}), term: "99"})
    arms = compare([run("rules"), other])
    assert [standing.rank for standing in arms.standings] == [None, None]
    assert arms.pairs == ()
    assert arms.notes == (f"tiny on digits at 1,000,000 MACs is not ranked: its runs also differ in {term}.",)


@pytest.mark.parametrize("name", ["seed", "proposer", "llm", "max_cost", "runs", "workers", "tracking_uri"])
def test_what_an_arm_is_made_of_and_where_it_ran_may_differ(name: str) -> None:
    other = run("tpe", config={**(BASE.config or {}), name: "99"})
    assert [standing.rank for standing in compare([run("rules"), other]).standings] == [1, 1]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": RunStatus.INTERRUPTED}, "did not finish"),
        ({"status": None}, "did not finish"),
        ({"accuracy": None}, "not evaluated on the test set"),
        ({"winner_macs": None}, "not evaluated on the test set"),
        ({"target_macs": None}, "target was not recorded"),
        ({"winner_macs": 1_010_001}, "exceeds the budget"),
        ({"band_macs": None, "winner_macs": 1_000_001}, "exceeds the budget"),
    ],
)
def test_what_cannot_be_compared_is_left_out_with_its_reason(change: dict[str, object], reason: str) -> None:
    arms = compare([run("rules"), replace(run("tpe"), **change)])  # type: ignore[arg-type]
    assert [standing.arm.label for standing in arms.standings] == ["rules"]
    assert [(left.run_id, reason in left.reason) for left in arms.excluded] == [("tpe-0", True)]


def test_nothing_comparable_says_what_was_wrong() -> None:
    with pytest.raises(NothingToCompareError, match=r"none of the 2 runs .*2 × it did not finish"):
        compare([run("a", status=RunStatus.FAILED), run("b", status=None)])


def test_a_repeated_seed_is_not_a_second_sample() -> None:
    old, new = run(accuracy=0.1, run_id="old", started_ms=1), run(accuracy=0.9, run_id="new", started_ms=2)
    arms = compare([new, old])
    assert [standing.runs for standing in arms.standings] == [(new,)]
    assert [left.run_id for left in arms.excluded] == ["old"]


def test_one_run_has_a_mean_and_no_interval() -> None:
    accuracy = compare([run()]).standings[0].mean("accuracy")
    assert accuracy is not None
    assert (accuracy.mean, accuracy.low, accuracy.high, accuracy.n) == (0.9, None, None, 1)


def test_arms_are_paired_by_seed() -> None:
    rules = [run("rules", seed, 0.5 + seed / 10) for seed in (0, 1, 2, 3)]
    tpe = [run("tpe", seed, 0.52 + seed / 10 + noise) for seed, noise in ((1, 0.001), (2, -0.001), (3, 0.0), (4, 0.3))]
    arms = compare([*rules, *tpe])
    (pair,) = arms.pairs
    assert (pair.first.label, pair.second.label, pair.seeds) == ("rules", "tpe", (1, 2, 3))
    assert pair.difference.mean == pytest.approx(0.02)
    assert pair.verdict is Verdict.BETTER  # by seed it is clear, though the arms' own intervals overlap widely
    (note,) = arms.notes
    assert "the arms were not run with the same seeds; the pairs below use those they share" in note


@pytest.mark.parametrize(
    ("second", "verdict"),
    [
        ((0.8, 0.81, 0.8), Verdict.WORSE),
        ((0.9, 0.95, 0.85), Verdict.INCONCLUSIVE),
        ((0.9, 0.9, 0.9), Verdict.INCONCLUSIVE),
        ((0.99,), Verdict.INCONCLUSIVE),
    ],
)
def test_a_verdict_needs_evidence(second: tuple[float, ...], verdict: Verdict) -> None:
    (pair,) = compare([*arm_runs("a", 0.9, 0.9, 0.9), *arm_runs("b", *second)]).pairs
    assert pair.verdict is verdict


def test_missing_figures_show_as_missing() -> None:
    (arms,) = Comparison().tables([run()])
    (row,) = cells(arms, "input_tokens", "output_tokens", "cost_usd", "rank")
    assert row == (None, None, None, None)
    shown = dict(zip([column.key for column in arms.columns], arms.shown()[0], strict=True))
    assert (shown["cost_usd"], shown["rank"], shown["revisions"]) == (MISSING, MISSING, "0.0")


def test_every_row_names_its_runs() -> None:
    arms, _ = Comparison().tables([*arm_runs("a", 0.9, 0.8), *arm_runs("b", 0.7)])
    assert cells(arms, "arm", "runs", "run_ids") == [("a", 2, "a-0 a-1"), ("b", 1, "b-0")]


def test_the_tables_of_a_mixture_of_runs() -> None:
    tables = Comparison().tables([*arm_runs("a", 0.9), *arm_runs("b", 0.7), run("c", status=RunStatus.FAILED)])
    assert [table.key for table in tables] == ["arms", "pairs", "left_out"]
    assert tables[2].rows == (("c-0", "it did not finish"),)


def test_more_pairs_ask_for_stronger_evidence() -> None:
    clear = [*arm_runs("a", 0.90, 0.91, 0.92), *arm_runs("b", 0.92, 0.925, 0.945)]
    (alone,) = compare(clear).pairs
    among = compare([*clear, *arm_runs("c", 0.9, 0.92, 0.91), *arm_runs("d", 0.91, 0.92, 0.9)])
    (same,) = (pair for pair in among.pairs if (pair.first.label, pair.second.label) == ("a", "b"))
    assert alone.p is not None
    assert same.p is not None
    assert alone.difference == same.difference
    assert alone.p < 0.05 < same.p
    assert (alone.verdict, same.verdict) == (Verdict.BETTER, Verdict.INCONCLUSIVE)


def test_published_figures_say_whose_they_are() -> None:
    table = llm_selection()
    assert "Published, not measured here" in table.title
    assert table.shown()[0] == ("Claude 3.5 Sonnet", "3.2", "1.00", "1.81", "77.04")


def test_an_unknown_study_is_reported_with_the_known_ones() -> None:
    assert isinstance(study_by_name("comparison"), Comparison)
    with pytest.raises(UnknownStudyError, match="there are: comparison, llm"):
        study_by_name("comparisons")
