"""The study of a script on the floor: the contract of all studies, and what a trial does and refuses."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ablations.code.running.facts import RunFacts
from ablations.code.source.errors import DocumentError, PatchError
from ablations.code.study.interactions import interactions_table
from ablations.code.study.options import CodeOptions
from ablations.code.study.places import NoSandboxError, bench_of
from ablations.code.study.study import CodeStudy
from ablations.code.study.trial import InvalidTrialError, Trial
from ablations.code.study.variants import variants
from ablations.code.trials.records import RunRecord
from ablations.code.writing.attempts import Attempt, NoPatchError, attempt_key
from ablations.floor.answers import answer_all
from ablations.floor.errors import StudyOptionsError
from ablations.floor.journal import Facts
from ablations.floor.options import StudyOptions, make_options
from ablations.floor.results import Outcome, Results
from ablations.floor.statistics import Estimate
from ablations.floor.study import Study
from ablations.floor.table import Scaled
from sandbox.errors import SandboxUnavailableError
from tests.ablations.code.small import BEND, FILE, SCRIPT, SLOPE, SLOPE_LINE, patch, right, study_options
from tests.ablations.memory_journal import MemoryJournal
from tests.ablations.study_contract import StudyContract, prepared_by

pytestmark = pytest.mark.usefixtures("sandboxed")
BOTH = f"{SLOPE} + {BEND}"


class TestCodeStudy(StudyContract):
    """By rule, with two components and their interaction."""

    @pytest.fixture(scope="class")
    def study(self) -> Study[Any]:
        return CodeStudy()

    @pytest.fixture(scope="class")
    def options(self, sandboxed: None) -> StudyOptions:
        return study_options(seeds=2, interactions=True)


@pytest.fixture(scope="module")
def prepared(sandboxed: None, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Facts]:
    return prepared_by(CodeStudy(), study_options(), tmp_path_factory.mktemp("prepared"), MemoryJournal())


def trial(prepared: Mapping[str, Facts], variant: str, folder: Path, **changes: Any) -> Trial:
    options = study_options(interactions=True, **changes)
    return Trial(bench_of(options), prepared, variant, variants(options)[variant], 42, folder)


def gates_in(folder: Path) -> list[dict[str, Any]]:
    return list(json.loads((folder / "gates.json").read_text()))


def test_a_trial_leaves_its_facts_its_gates_its_sandbox_and_its_patch(
    prepared: Mapping[str, Facts], tmp_path: Path
) -> None:
    figures = trial(prepared, BOTH, tmp_path).figures()
    facts = RunFacts.model_validate_json((tmp_path / "facts.json").read_text())
    assert figures == facts.figures
    gates = gates_in(tmp_path)
    assert {tuple(sorted(gate)) for gate in gates} == {("accepted", "gate", "reason")}
    assert all(gate["accepted"] for gate in gates)
    assert [gate["gate"] for gate in gates].count("gone") == 2, "both components are proved gone"
    assert json.loads((tmp_path / "sandbox.json").read_text())["sandboxed"] is True
    removed = [line for line in (tmp_path / "patch.diff").read_text().splitlines() if line.startswith('-    "')]
    assert removed == ['-    "slope",  #ABLATABLE_COMPONENT', '-    "bend",  #ABLATABLE_COMPONENT']


def test_the_original_and_the_null_ablation_are_not_run_again(prepared: Mapping[str, Facts], tmp_path: Path) -> None:
    found = [trial(prepared, name, tmp_path).figures() for name in ("original", "null")]
    assert found == [RunRecord.model_validate(prepared[f"{name}/42"]).facts.figures for name in ("original", "null")]
    assert "gone" not in {gate["gate"] for gate in gates_in(tmp_path)}


def test_a_null_ablation_with_another_figure_makes_every_variant_of_the_seed_invalid(
    prepared: Mapping[str, Facts], tmp_path: Path
) -> None:
    facts = json.loads(json.dumps(prepared["null/42"]))
    facts["facts"]["reports"][0]["value"] += 1e-9
    for name in ("original", "null", SLOPE):
        with pytest.raises(InvalidTrialError, match=r"null: error is .* in the original and .* in the null ablation"):
            trial({**prepared, "null/42": facts}, name, tmp_path).figures()
        assert [gate["gate"] for gate in gates_in(tmp_path) if not gate["accepted"]] == ["null"]


def test_an_accepted_patch_is_judged_again_in_every_trial(prepared: Mapping[str, Facts], tmp_path: Path) -> None:
    """A patch can be fine with the seed of the smoke run, and cheat with another one."""
    cheat = patch(SLOPE, (SLOPE_LINE, '    "slope",  #ABLATABLE_COMPONENT', '    "slope",'))
    attempt = Attempt.model_validate({**prepared[attempt_key(SLOPE, 1)], "patch": cheat})
    changed = {**prepared, attempt_key(SLOPE, 1): attempt.model_dump(mode="json")}
    with pytest.raises(InvalidTrialError, match="gone: nothing was removed"):
        trial(changed, SLOPE, tmp_path).figures()


def test_without_an_accepted_patch_nothing_is_measured(prepared: Mapping[str, Facts], tmp_path: Path) -> None:
    refused = {**prepared[attempt_key(SLOPE, 1)], "accepted": False, "reason": "planted"}
    for name in (SLOPE, BOTH):
        with pytest.raises(NoPatchError, match=rf"no accepted patch takes {SLOPE} away \(attempt 1: planted\)"):
            trial({**prepared, attempt_key(SLOPE, 1): refused}, name, tmp_path).figures()
    assert not (tmp_path / "facts.json").exists()


def test_patches_that_change_the_same_lines_in_two_ways_are_not_combined(
    prepared: Mapping[str, Facts], tmp_path: Path
) -> None:
    both = patch(BEND, (SLOPE_LINE, '    "slope",  #ABLATABLE_COMPONENT', '    "slope", '))
    made = right(BEND)
    attempt = {**prepared[attempt_key(BEND, 1)], "patch": {**made, "edits": [*made["edits"], *both["edits"]]}}
    with pytest.raises(PatchError, match=f"both change line {SLOPE_LINE} of {FILE}"):
        trial({**prepared, attempt_key(BEND, 1): attempt}, BOTH, tmp_path).figures()


def test_without_isolation_every_result_says_so(tmp_path: Path) -> None:
    options = study_options(sandbox="none", allow_unsandboxed=True)
    study = CodeStudy()
    assert {condition.factors["sandbox"] for condition in study.conditions(options)} == {"none"}
    prepared = prepared_by(study, options, tmp_path / "prepared", MemoryJournal())
    run = RunRecord.model_validate(prepared["original/42"])
    assert (run.sandbox.backend, run.sandbox.sandboxed) == ("none", False)


def test_where_the_check_of_the_sandbox_fails_nothing_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise SandboxUnavailableError("bwrap is there, but its check failed: a program can write outside")

    monkeypatch.setattr("ablations.code.study.places.open_sandbox", fails)
    with pytest.raises(NoSandboxError, match=r"a program can write outside.*apt-get install bubblewrap"):
        CodeStudy().check(study_options())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sandbox": "none"}, "say --allow-unsandboxed as well"),
        ({"arguments": "--seed 1"}, "{seed} has to be in it"),
        ({"llm": "gpt-4", "zero": "norm"}, "--zero is for patches by rule"),
        ({"scripts": "other.py#00000000"}, "are not the documents that came with it"),
    ],
)
def test_options_that_cannot_be_used_are_refused(given: Mapping[str, Any], words: str) -> None:
    with pytest.raises(StudyOptionsError) as caught:
        make_options(CodeOptions, {"source": {FILE: SCRIPT}, **given})
    assert words in str(caught.value)


def test_data_that_is_not_there_is_refused_where_it_is_needed_and_not_for_a_report() -> None:
    options = study_options(readable="/nowhere/at/all")
    assert CodeStudy().conditions(options)
    with pytest.raises(DocumentError, match="--readable /nowhere/at/all: there is no such file or folder"):
        bench_of(options)


def test_an_interaction_is_the_same_number_in_the_answers_and_in_the_table() -> None:
    options = study_options(seeds=3, interactions=True)
    values = {"original": 1.0, "null": 1.0, SLOPE: 4.0, BEND: 2.0, BOTH: 11.0}
    outcomes = tuple(
        Outcome(each, figures={"error": values[str(each.factors["variant"])] + 0.01 * each.seed})
        for each in CodeStudy().conditions(options)
    )
    answers = answer_all(CodeStudy().questions(options), Results(outcomes))
    assert answers[-1].difference is not None
    assert answers[-1].difference.mean == pytest.approx(((11 - 2) - (4 - 1)) / 2)
    table = interactions_table(options, Results(outcomes))
    effects = [
        row[4].value.mean for row in table.rows if isinstance(row[4], Scaled) and isinstance(row[4].value, Estimate)
    ]
    assert effects == pytest.approx([((4 - 1) + (11 - 2)) / 2, ((2 - 1) + (11 - 4)) / 2, ((11 - 2) - (4 - 1)) / 2])
    assert [row[3] for row in table.rows] == [3, 3, 3]
    without = tuple(outcome for outcome in outcomes if outcome.condition.factors["variant"] != BOTH)
    empty = interactions_table(options, Results(without))
    assert (empty.rows, empty.notes[-1]) == ((), "1 pairs are left out: a cell has no seed that all four have.")


def test_a_document_is_kept_to_the_last_character() -> None:
    text = "\n  x = 1  \n\n"
    assert CodeOptions.model_validate({"source": {"a.py": text}}).source["a.py"] == text


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('report("error", result)', "pass", "report no figure"),
        ('report("error", result)', "report(name, result)", "`report(name, result)` reports a figure whose name"),
        ('report("error", result)', 'report("error", result); report("Error", 1)', "would be called 'error'"),
        ('report("error", result)', 'report("1st", result)', "needs a name that begins with a letter"),
    ],
)
def test_figures_are_read_from_the_source_or_refused(old: str, new: str, words: str) -> None:
    with pytest.raises(DocumentError) as caught:
        CodeStudy().figures(study_options(source={FILE: SCRIPT.replace(old, new)}))
    assert words in str(caught.value)


def test_less_is_better_of_a_loss_and_of_what_the_user_names() -> None:
    two = SCRIPT.replace('report("error", result)', 'report("error", result)\n    report("fit", 1 - result)')
    figures = CodeStudy().figures
    guessed = figures(study_options(source={FILE: two}))
    assert [(figure.key, figure.better) for figure in guessed] == [("error", "lower"), ("fit", "higher")]
    asked = figures(study_options(source={FILE: two}, metric="fit", lower="fit"))
    assert [(figure.key, figure.better) for figure in asked] == [("fit", "lower"), ("error", "higher")]


def test_a_point_of_a_curve_is_no_figure_of_the_study() -> None:
    curve = SCRIPT.replace("    return weights\n", '    report("loss", 1.0, step=1)\n    return weights\n')
    assert [figure.key for figure in CodeStudy().figures(study_options(source={FILE: curve}))] == ["error"]


def test_which_script_runs_has_to_be_clear() -> None:
    with pytest.raises(DocumentError, match=r"Which script is to be run\? .*: line\.py, other\.py"):
        _ = study_options(source={FILE: SCRIPT, "other.py": SCRIPT}).material
    assert study_options(source={FILE: SCRIPT, "helper.py": "x = 1\n"}).material.script == FILE
    with pytest.raises(DocumentError, match=r"--script no\.py is none of the scripts; there are: line\.py"):
        _ = study_options(script="no.py").material
    material = replace(study_options().material, arguments="--name 'a b' --seed {seed}")
    assert material.command(7) == ("--name", "a b", "--seed", "7")
