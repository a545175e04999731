"""What a code study tells, of a finished one that is written by hand."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from ablations.code.summary import coverage
from ablations.code.summary.attempts import attempts_of
from ablations.code.summary.curves_plot import curves_of
from ablations.code.summary.effects import effects_of
from ablations.code.summary.extras import extras_of
from ablations.code.summary.records import records_of
from ablations.floor.answers import answer_all
from ablations.floor.report import Extras
from ablations.floor.results import Results
from ablations.floor.table import Table
from tests.ablations.code.scripts import FILE, HINT, NORM, RELU, SKIP, WIDTH
from tests.ablations.code.summary.finished import NO_PATCH, condition, outline, prepared, results, write_artifacts


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conditions")
    write_artifacts(folder)
    return folder


@pytest.fixture(scope="module")
def extras(artifacts: Path) -> Extras:
    return extras_of(outline(), results(), artifacts, prepared())


def rows(extras: Extras, key: str) -> list[dict[str, str]]:
    """The rows of a table as they are shown, by the keys of the columns."""
    table = tables(extras)[key]
    return [dict(zip((column.key for column in table.columns), row, strict=True)) for row in table.shown()]


def tables(extras: Extras) -> Mapping[str, Table]:
    return {table.key: table for table in extras.tables}


def test_the_effects_are_the_answers_of_the_floor_the_largest_first(extras: Extras) -> None:
    shown = rows(extras, "effects")
    assert [(row["component"], row["seeds"], row["says"]) for row in shown] == [
        (NORM, "3", "it helps"),
        (RELU, "2", "inconclusive"),
        (SKIP, "0", "not measured"),
    ]
    assert shown[0]["effect"].startswith("0.300 ± ")
    assert shown[0]["original"].startswith("0.520 ± ")
    answers = answer_all(outline().questions, results())
    assert [effect.answer for effect in effects_of(outline(), results())] == list(answers)


def test_each_verdict_of_a_gate_is_counted_and_each_refusal_has_its_reason(extras: Extras) -> None:
    counted = {row["gate"]: (row["asked"], row["refused"]) for row in rows(extras, "gates")}
    assert counted == {"syntax": ("4", "0"), "gone": ("2", "2"), "seed": ("9", "1")}
    assert [tuple(row.values()) for row in rows(extras, "refusals")] == [
        (NORM, "attempt 1", "gone", "nothing was removed"),
        (SKIP, "attempt 1", "gone", "nothing was removed"),
        (RELU, "trial, seed 3", "seed", "another seed"),
    ]


def test_attempts_and_their_cost_are_told_and_unknown_ones_are_not_made_up(extras: Extras) -> None:
    shown = {row["component"]: row for row in rows(extras, "attempts")}
    assert (shown[NORM]["attempts"], shown[NORM]["accepted"], shown[NORM]["cost_usd"]) == ("2", "yes", "0.0300")
    assert (shown[SKIP]["tokens"], shown[SKIP]["cost_usd"]) == ("–", "–")
    assert shown[SKIP]["reason"] == "refused: gone: nothing was removed"
    assert (shown["all"]["attempts"], shown["all"]["accepted"], shown["all"]["tokens"]) == ("4", "2 of 3", "400")
    assert tables(extras)["attempts"].notes == ("The cost of 1 attempts is not known, and not counted.",)


def test_each_component_is_tested_or_it_is_said_why_not(extras: Extras) -> None:
    shown = {row["component"]: row for row in rows(extras, "coverage")}
    assert [name for name, row in shown.items() if row["tested"] == "no"] == [WIDTH, HINT, SKIP]
    assert shown[WIDTH]["why"] == "it was not asked for"
    assert shown[HINT]["why"] == "this study has no condition of it"
    assert shown[SKIP]["why"].startswith("no patch was accepted in 1 attempt; the last one: gone: nothing was removed")
    assert shown[RELU]["why"] == "failed with seed 3: invalid: seed: another one; none of its lines ran in the original"
    assert shown[NORM] == {
        "component": NORM,
        "place": f"{FILE}:17",
        "tested": "yes",
        "measured": "3",
        "seeds": "3",
        "why": "",
    }
    (section,) = extras.sections
    assert section.paragraphs[0] == "2 of 5 components were tested."
    assert f"Untested: {WIDTH}: it was not asked for." in section.paragraphs


def test_a_pair_is_no_component(artifacts: Path) -> None:
    pair = f"{NORM} + {RELU}"
    more = (*results().outcomes, results().outcomes[0].__class__(condition(pair, 1), figures={"loss": 1.0}))
    found = extras_of(outline(), Results(more), artifacts, prepared())
    assert pair not in {row["component"] for row in rows(found, "coverage")}


def test_the_lines_that_ran_and_belong_to_no_component_are_named(extras: Extras) -> None:
    (shown,) = rows(extras, "lines")
    assert shown["idle"] == "26"
    assert shown["uncovered"].split(", ")[:2] == ["15-16", "25"], "the names, the norm and the hint lie between"


def test_an_element_of_a_list_ran_if_its_statement_did(extras: Extras, artifacts: Path) -> None:
    assert rows(extras, "coverage")[0]["component"] == WIDTH, "an element on a line of its own, of which no trace tells"
    records = [record for record in records_of(results(), artifacts) if record.facts is not None]
    executed = coverage.executed_in(outline(), records)
    assert executed is not None
    stands = 7  # the statement of which it is an element
    for lines, remark in ((executed[FILE], "it was not asked for"), (executed[FILE] - {stands, 8, 9, 10}, "none of")):
        (width, *_) = coverage.tested(outline(), results(), {}, {FILE: lines})
        assert remark in width.why
        assert ("none of" in width.why) == (remark == "none of")


def test_of_an_original_that_never_ran_no_line_is_said_to_have_run(tmp_path: Path) -> None:
    found = extras_of(outline(), results(), tmp_path, {})
    assert rows(found, "lines")[0]["idle"] == "not known"
    assert "attempts" not in tables(found)
    assert rows(found, "coverage")[3]["why"].endswith(NO_PATCH)


def test_ranges_run_on_over_lines_without_code() -> None:
    code = frozenset({1, 2, 5, 6, 9})
    assert coverage.ranges(frozenset({1, 2, 5, 9}), code) == "1-5, 9"
    assert coverage.ranges(frozenset(), code) == ""


def test_a_curve_is_a_mean_over_the_seeds_that_were_measured(artifacts: Path) -> None:
    found = curves_of(outline(), records_of(results(), artifacts), "training")
    assert found["original"][1].mean == pytest.approx((1.1 + 1.2 + 1.3) / 3)
    assert found[RELU][1].n == 2, "the invalid trial counts"
    assert found[RELU][1].mean == pytest.approx(1.15)
    assert SKIP not in found


def test_records_that_are_damaged_or_missing_say_nothing(tmp_path: Path) -> None:
    write_artifacts(tmp_path)
    own = tmp_path / condition(NORM, 1).file_name
    (own / "facts.json").write_text("{", encoding="utf-8")
    (own / "gates.json").unlink()
    found = {record.outcome.condition.key: record for record in records_of(results(), tmp_path)}
    assert (found[condition(NORM, 1).key].facts, found[condition(NORM, 1).key].gates) == (None, ())
    assert found[condition(NORM, 2).key].facts is not None


def test_attempts_are_in_their_order_and_other_entries_are_passed_over() -> None:
    found = attempts_of(dict(reversed(prepared().items())))
    assert [one.number for one in found[NORM]] == [1, 2]
    assert set(found) == {NORM, RELU, SKIP}


def test_effects_and_curves_are_drawn(extras: Extras, tmp_path: Path) -> None:
    drawn = dict(extras.draw(tmp_path))
    assert {path.name for path in drawn.values()} == {"effects-loss.png", "curves-training.png"}
    assert all(path.stat().st_size > 5000 for path in drawn.values())
    assert "95 % intervals" in next(iter(drawn))
