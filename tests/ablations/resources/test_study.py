"""The resource study on the floor: the contract of all studies, with models and a judge that need no server."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ablations.floor.condition import Condition
from ablations.floor.errors import StudyFolderError
from ablations.floor.journal import Facts, Journal
from ablations.floor.options import StudyOptions
from ablations.floor.results import Results
from ablations.floor.running.run import StudyOutcome
from ablations.floor.study import PrepareContext, Study
from ablations.resources.options import ResourcesOptions
from ablations.resources.preparing import prepare
from ablations.resources.study import ResourcesStudy
from ablations.resources.task_files import tasks_of
from ablations.resources.tasks.task import TaskSet
from ablations.resources.working.desk import Solver
from ablations.resources.working.records import TASKS
from tests.ablations.memory_journal import MemoryJournal
from tests.ablations.resources.samples import HELD_OUT, FakeJudge, FakeSolver
from tests.ablations.study_contract import Reports, StudyContract, prepared_by


@contextmanager
def fakes(options: ResourcesOptions, tasks: TaskSet, entries: Mapping[str, Facts]) -> Iterator[Mapping[str, Solver]]:
    skills = {"large": 80, "small": 35, "other": 50}
    yield {model.name: FakeSolver(model.name, right=skills[model.name]) for model in options.named}


class FakeStudy(ResourcesStudy):
    """The study, asked and judged by nobody."""

    def check(self, options: ResourcesOptions) -> None:
        tasks_of(options)

    def prepare(self, options: ResourcesOptions, journal: Journal, context: PrepareContext) -> None:
        prepare(options, tasks_of(options), journal, context, solvers=fakes, judges=lambda _: FakeJudge())
        self.keep_series(options, journal)


OPTIONS = ResourcesOptions(limit=8, max_depth=1, samples=2, calls_at_once=2, judges=2)


class TestResourcesStudy(StudyContract):
    """On eight of the shipped tasks."""

    @pytest.fixture(scope="class")
    def study(self) -> Study[Any]:
        return FakeStudy()

    @pytest.fixture(scope="class")
    def options(self) -> StudyOptions:
        return OPTIONS

    def test_more_seeds_only_add_conditions(self, study: Study[Any], options: StudyOptions) -> None:
        """Tasks are the sample of this study, and it has one seed; more models only add conditions."""
        assert isinstance(options, ResourcesOptions)
        more = options.model_copy(update={"models": "large=rehearsal:large,small=rehearsal:small,other=ollama:x"})
        now, then = ({condition.key for condition in study.conditions(of)} for of in (options, more))
        assert now < then
        assert len(options.all_seeds) == 1

    def test_every_question_can_be_answered(
        self, study: Study[Any], options: StudyOptions, conditions: tuple[Condition, ...], reports: Reports
    ) -> None:
        """Its questions are asked over tasks, and answered among the extras; none over seeds."""
        assert study.questions(options) == ()
        made = study.extras(options, Results((), self.prepared), Path())
        assert [answer.partition(":")[0] for answer in made.answers] == [
            *("Efficiency", "Accuracy", "Balance", "Routing")
        ]
        assert all("unknown" not in answer for answer in made.answers)

    def test_the_figures_are_those_that_it_declares(
        self, study: Study[Any], options: StudyOptions, reports: Reports
    ) -> None:
        """What was not measured of a server is no figure; all else is."""
        declared = {figure.key for figure in study.figures(options)}
        shown = {"solved", "solved_low", "solved_high", "answered", "tasks", "calls", "tokens", "cost_usd", "model_s"}
        for report in reports.values():
            assert report.figures is not None
            assert shown <= report.figures.keys() <= declared

    def test_the_plots_and_tables_of_the_study_are_on_its_page(
        self, study: Study[Any], options: StudyOptions, tmp_path: Path
    ) -> None:
        made = study.extras(options, Results((), self.prepared), tmp_path)
        drawn = made.draw(tmp_path)
        assert {path.name for _, path in drawn} == {
            *("pareto.png", "levels.png", "cost_per_solved.png", "break_even.png", "categories.png")
        }
        assert all(path.read_bytes().startswith(b"\x89PNG") for _, path in drawn)
        tables = {table.key: table for table in made.tables}
        assert len(tables["results"].rows) == 8 * 5
        assert len(tables["tasks"].rows) == 8
        assert {row[0] for row in tables["arms"].rows} == {arm.name for arm in OPTIONS.arms}

    def test_other_tasks_in_the_same_folder_are_refused(self, study: Study[Any], tmp_path: Path) -> None:
        changed = {key: dict(facts) for key, facts in self.prepared.items()}
        changed[TASKS]["sha256"] = "0" * 64
        with pytest.raises(StudyFolderError, match=r"begun with the tasks of .shipped\.jsonl. .*now holds others"):
            prepared_by(study, OPTIONS, tmp_path, MemoryJournal(changed))

    def test_the_report_says_where_everything_is_from(self, undisturbed: StudyOutcome) -> None:
        page = undisturbed.page.read_text()
        assert "8 tasks of shipped.jsonl" in page
        assert "small is rehearsal:small, answered by fake-small" in page
        assert "no server" in page, "why a resource is missing"
        assert HELD_OUT not in page
