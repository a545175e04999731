"""The contract of all studies that measure conditions; a subclass provides a `study` and small `options`.

The conditions are measured once, for real, and in this process. What follows is held with those figures: whatever kills
the driver and in whatever order conditions end, nothing is measured twice and the tables are the same.
"""

import itertools
import json
import pickle
import random
import re
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import pytest

from ablations.floor.answers import answer_all
from ablations.floor.condition import Condition, Level
from ablations.floor.execution.worker import CONDITION, MeasureReport, MeasureWorker, Work
from ablations.floor.export import to_json
from ablations.floor.journal import Facts, Journal
from ablations.floor.options import SeededOptions, StudyOptions, make_options
from ablations.floor.questions import Combination, Question, Slope
from ablations.floor.report import Extras, draw_nothing
from ablations.floor.reporting import report_of
from ablations.floor.results import Outcome, Results, selects
from ablations.floor.running.folder import StudyFolder
from ablations.floor.running.opening import Request
from ablations.floor.running.place import Place
from ablations.floor.running.run import StudyOutcome, StudyRun, report_again
from ablations.floor.study import MeasureContext, PrepareContext, Study
from search.setup.scope import scope_of
from tests.ablations.memory_journal import MemoryJournal
from tracking.events import Event, payloads_of
from tracking.kinds import RunStatus
from tracking.ledger import Ledger
from tracking.payloads import Payload
from tracking.reader import read_ledger
from tracking.study_payloads import ConditionBegun, ConditionFailed, ConditionMeasured, Prepared

HERE = Place.model_validate({"executor": "local", "mlflow": False})
Reports = Mapping[str, MeasureReport]


class Death(BaseException):
    """The driver dies: nothing after it is written."""


def recorded(
    study: Study[Any],
    reports: Reports,
    calls: list[str],
    failing: str | None = None,
    prepared: Mapping[str, Facts] = MappingProxyType({}),
) -> Study[Any]:
    """Return the study, which repeats what was prepared and measured, and notes its measurements; `failing` raises."""

    class Recorded(type(study)):  # type: ignore[misc]
        def prepare(self, options: Any, journal: Journal, context: PrepareContext) -> None:
            for key, facts in prepared.items():
                if journal.recall(key) is None:
                    journal.record(key, facts)

        def measure(self, options: Any, condition: Condition, context: MeasureContext) -> Mapping[str, float]:
            calls.append(condition.key)
            assert context.prepared == prepared
            figures = reports[condition.key].figures
            if condition.key == failing or figures is None:
                raise ValueError("planted")
            return figures

        def extras(self, options: Any, results: Results, artifacts: Path) -> Extras:
            made = super().extras(options, results, artifacts)
            return Extras(made.tables, draw_nothing, made.sections)  # plots of its own cost most of a run's time

    return Recorded()


def die_at(patch: pytest.MonkeyPatch, append: int, *, written: bool) -> None:
    """Let the driver die at an append, before or after its line is on the disk; and everything that it does after."""
    record, count = Ledger.record, itertools.count(1)
    dead: list[bool] = []

    def recording(self: Ledger, payload: Payload) -> Event:
        if dead:
            raise Death
        if next(count) == append:
            dead.append(True)
            if written:
                record(self, payload)
            raise Death
        return record(self, payload)

    patch.setattr(Ledger, "record", recording)


def prepared_by(study: Study[Any], options: StudyOptions, folder: Path, journal: Journal) -> Mapping[str, Facts]:
    """Let a study prepare, and return what its journal holds then."""
    folder.mkdir(exist_ok=True)
    study.prepare(options, journal, PrepareContext(folder, folder, check=lambda: None, say=lambda _: None))
    return journal.entries()


def sides_of(question: Question) -> list[Mapping[str, Level]]:
    """Return the selections that a question is about."""
    match question:
        case Slope():
            return [question.of]
        case Combination():
            return [term.of for term in question.terms]
        case _:
            return [question.first, question.second]


def tables(outcome: StudyOutcome) -> str:
    return to_json(outcome.report.tables)


class StudyContract:
    """Inherit, and override the fixtures `study` and `options`; both may be made once for the class."""

    prepared: ClassVar[Mapping[str, Facts]] = MappingProxyType({})
    """What the study prepares for these options: done once for the class."""

    @pytest.fixture(scope="class")
    def study(self) -> Study[Any]:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    def options(self) -> StudyOptions:
        raise NotImplementedError

    @pytest.fixture(scope="class", autouse=True)
    def _prepared(
        self,
        request: pytest.FixtureRequest,
        study: Study[Any],
        options: StudyOptions,
        tmp_path_factory: pytest.TempPathFactory,
    ) -> None:
        request.cls.prepared = prepared_by(study, options, tmp_path_factory.mktemp("prepared"), MemoryJournal())

    def recorded(self, study: Study[Any], reports: Reports, calls: list[str], failing: str | None = None) -> Study[Any]:
        return recorded(study, reports, calls, failing, self.prepared)

    @pytest.fixture(scope="class")
    def conditions(self, study: Study[Any], options: StudyOptions) -> tuple[Condition, ...]:
        return study.conditions(options)

    @pytest.fixture(scope="class")
    def worker(
        self, study: Study[Any], options: StudyOptions, tmp_path_factory: pytest.TempPathFactory
    ) -> MeasureWorker:
        folder = tmp_path_factory.mktemp("measured")
        return MeasureWorker(Work(study, options, folder / "cache", folder / "conditions", 1, self.prepared), "here")

    @pytest.fixture(scope="class")
    def reports(self, worker: MeasureWorker, conditions: tuple[Condition, ...]) -> Reports:
        """What each condition measured, in an order that is not the grid's."""
        shuffled = random.Random(0).sample(conditions, len(conditions))
        made = [worker.measure({CONDITION: condition.model_dump(mode="json")}) for condition in shuffled]
        assert [report.error for report in made if report.error] == []
        return {report.condition: report for report in made}

    @pytest.fixture(scope="class")
    def undisturbed(
        self, study: Study[Any], options: StudyOptions, reports: Reports, tmp_path_factory: pytest.TempPathFactory
    ) -> StudyOutcome:
        return self.run(self.recorded(study, reports, []), options, tmp_path_factory.mktemp("undisturbed"))

    def with_more_seeds(self, options: StudyOptions) -> StudyOptions:
        """Override it for options that name their seeds in another way."""
        assert isinstance(options, SeededOptions)
        return options.model_copy(update={"seeds": options.seeds + 1})

    @pytest.fixture
    def without_plots(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Draw none: they cost most of the time of a run, and are drawn in the one that nothing disturbs."""
        monkeypatch.setattr("ablations.floor.reporting.draw_figure_plots", lambda *_: ())

    def run(self, study: Study[Any], options: StudyOptions, folder: Path, *, retry: bool = False) -> StudyOutcome:
        return StudyRun(Request(study, options, StudyFolder(folder), HERE, retry)).execute()

    def test_it_says_what_it_asks(self, study: Study[Any], options: StudyOptions) -> None:
        assert re.fullmatch(r"[a-z][a-z0-9-]*", study.name)
        assert study.question.endswith("?")
        assert type(options) is study.options

    def test_every_option_says_what_it_affects_and_where_it_is_shown(self, study: Study[Any]) -> None:
        fields = study.options.model_fields
        assert {name: scope_of(field) for name, field in fields.items()}
        assert all(field.description and dict(field.json_schema_extra)["panel"] for field in fields.values())
        assert fields.keys() & Place.model_fields.keys() == set(), "an option of all studies"

    def test_options_survive_the_ledger(self, study: Study[Any], options: StudyOptions) -> None:
        assert make_options(study.options, json.loads(options.model_dump_json())) == options

    def test_each_condition_is_there_once_with_every_seed(
        self, study: Study[Any], options: StudyOptions, conditions: tuple[Condition, ...]
    ) -> None:
        keys = [condition.key for condition in conditions]
        assert len(set(keys)) == len(keys) > 0
        assert study.conditions(options) == conditions
        cells = Counter(condition.cell for condition in conditions)
        assert set(cells.values()) == {len(options.all_seeds)}
        assert [Condition.model_validate_json(c.model_dump_json()).key for c in conditions] == keys
        assert len({condition.file_name for condition in conditions}) == len(keys)

    def test_what_is_prepared_is_not_prepared_again(
        self, study: Study[Any], options: StudyOptions, tmp_path: Path
    ) -> None:
        """Cut off anywhere, a preparation goes on with what is missing; the keys do not depend on that."""
        keys = list(self.prepared)
        for done in sorted({0, 1, len(keys) // 2, len(keys)} - {0} & set(range(len(keys) + 1))):
            before = {key: self.prepared[key] for key in keys[:done]}
            after = prepared_by(study, options, tmp_path / str(done), MemoryJournal(before))
            assert {key: after[key] for key in before} == before
            assert after.keys() == self.prepared.keys()

    def test_more_seeds_only_add_conditions(self, study: Study[Any], options: StudyOptions) -> None:
        more = self.with_more_seeds(options)
        now, then = ({condition.key for condition in study.conditions(of)} for of in (options, more))
        assert now < then

    def test_it_travels_to_a_worker(self, study: Study[Any], options: StudyOptions, tmp_path: Path) -> None:
        work = pickle.loads(pickle.dumps(Work(study, options, tmp_path, tmp_path, 1)))  # noqa: S301  our own
        assert (type(work.study), work.options) == (type(study), options)

    def test_the_figures_are_those_that_it_declares(
        self, study: Study[Any], options: StudyOptions, reports: Reports
    ) -> None:
        declared = [figure.key for figure in study.figures(options)]
        assert len(set(declared)) == len(declared)
        assert {key for report in reports.values() for key in report.figures or {}} == set(declared)

    def test_the_same_seed_gives_the_same_figures(
        self,
        study: Study[Any],
        options: StudyOptions,
        worker: MeasureWorker,
        conditions: tuple[Condition, ...],
        reports: Reports,
    ) -> None:
        exact = [figure.key for figure in study.figures(options) if not figure.timed]
        assert exact, "something does not depend on the machine"
        for condition in (conditions[0], conditions[-1]):
            again = worker.measure({CONDITION: condition.model_dump(mode="json")})
            first = reports[condition.key]
            assert again.figures is not None
            assert first.figures is not None
            assert {key: again.figures.get(key) for key in exact} == {key: first.figures.get(key) for key in exact}

    def test_every_question_can_be_answered(
        self, study: Study[Any], options: StudyOptions, conditions: tuple[Condition, ...], reports: Reports
    ) -> None:
        questions = study.questions(options)
        assert questions
        assert len({question.key for question in questions}) == len(questions)
        results = Results(tuple(Outcome(c, figures=reports[c.key].figures) for c in conditions))
        for question, answer in zip(questions, answer_all(questions, results), strict=True):
            sides = sides_of(question)
            assert all(any(selects(side, condition) for condition in conditions) for side in sides), question.key
            assert answer.seeds == options.all_seeds, question.key

    def test_its_plots_show_what_there_is(self, study: Study[Any], options: StudyOptions) -> None:
        figures = {figure.key for figure in study.figures(options)}
        factors = {name for condition in study.conditions(options) for name in condition.factors}
        for plot in study.plots(options):
            assert plot.figure in figures
            assert {plot.across, plot.series, plot.panels, *plot.of} - {None} <= factors

    def test_the_report_is_whole(
        self, undisturbed: StudyOutcome, conditions: tuple[Condition, ...], capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder, report = undisturbed.page.parent, undisturbed.report
        assert undisturbed.status is RunStatus.FINISHED
        assert len(undisturbed.results.measured) == len(conditions)
        keys = [table.key for table in report.tables]
        assert len(set(keys)) == len(keys)
        for table in report.tables:
            columns = [column.key for column in table.columns]
            assert len(set(columns)) == len(columns), f"a factor is named as another column of {table.key}"
            assert all((folder / f"{table.key}.{kind}").is_file() for kind in ("csv", "tex", "md"))
        page = undisturbed.page.read_text()
        assert all(text in page for text in ("<h1>", "data:image/png;base64,"))
        assert f"torch {version('torch')}" in page.partition("<h2>Made with</h2>")[2], "what figures depend on"
        assert "http" not in page.replace("https://", "http://").split("<body>")[0], "the page needs nothing else"
        assert capsys.readouterr() == ("", "")

    def test_the_order_in_which_conditions_end_does_not_matter(
        self,
        study: Study[Any],
        options: StudyOptions,
        conditions: tuple[Condition, ...],
        reports: Reports,
        undisturbed: StudyOutcome,
        tmp_path: Path,
    ) -> None:
        shuffled = random.Random(1).sample(list(reports.values()), len(reports))
        events = read_ledger(undisturbed.page.parent / "ledger.jsonl")
        ends = {end.condition: end for end in payloads_of(events, ConditionMeasured)}
        (tmp_path / "other").mkdir()
        with Ledger.create(tmp_path / "other" / "ledger.jsonl") as ledger:
            ledger.record(events[0].payload)
            for entry in payloads_of(events, Prepared):
                ledger.record(entry)
            for number, report in enumerate(shuffled):
                condition = next(c for c in conditions if c.key == report.condition)
                factors = dict(condition.factors)
                ledger.record(
                    ConditionBegun(condition=condition.key, number=number, factors=factors, seed=condition.seed)
                )
                ledger.record(ends[condition.key])
        assert tables(report_again(study, tmp_path / "other")) == tables(undisturbed)

    def test_killed_anywhere_and_run_again_it_measures_nothing_twice(
        self,
        study: Study[Any],
        options: StudyOptions,
        reports: Reports,
        undisturbed: StudyOutcome,
        tmp_path: Path,
        without_plots: None,
    ) -> None:
        appends = len(read_ledger(undisturbed.page.parent / "ledger.jsonl"))
        some = {*range(1, 6), *range(appends - 3, appends + 1), *range(6, appends - 3, max(1, appends // 6))}
        for append, written in itertools.product(sorted(some), (False, True)):
            folder = tmp_path / f"{append}-{written}"
            with pytest.MonkeyPatch.context() as patch:
                die_at(patch, append, written=written)
                with pytest.raises(Death):
                    self.run(self.recorded(study, reports, []), options, folder)
            kept = {end.condition for end in payloads_of(read_ledger(folder / "ledger.jsonl"), ConditionMeasured)}
            calls: list[str] = []
            again = self.run(self.recorded(study, reports, calls), options, folder)
            assert set(calls) == reports.keys() - kept, append
            assert len(calls) == len(set(calls))
            ends = Counter(e.condition for e in payloads_of(read_ledger(folder / "ledger.jsonl"), ConditionMeasured))
            assert ends == Counter(reports.keys())
            assert tables(again) == tables(undisturbed), append

    def test_run_again_at_its_end_it_changes_nothing(
        self, study: Study[Any], options: StudyOptions, reports: Reports, undisturbed: StudyOutcome
    ) -> None:
        folder, calls = undisturbed.page.parent, list[str]()
        before = (folder / "ledger.jsonl").read_bytes()
        files = {path.name for path in folder.iterdir()}
        undisturbed.page.unlink()
        again = self.run(self.recorded(study, reports, calls), options, folder)
        assert calls == []
        assert (folder / "ledger.jsonl").read_bytes() == before
        assert {path.name for path in folder.iterdir()} == files
        assert tables(again) == tables(undisturbed) == tables(report_again(study, folder))

    def test_a_failed_condition_is_a_row_that_says_so_and_never_a_number(
        self,
        study: Study[Any],
        options: StudyOptions,
        conditions: tuple[Condition, ...],
        reports: Reports,
        undisturbed: StudyOutcome,
        tmp_path: Path,
        without_plots: None,
    ) -> None:
        victim = conditions[len(conditions) // 2]
        outcome = self.run(self.recorded(study, reports, [], failing=victim.key), options, tmp_path)
        assert outcome.status is RunStatus.FINISHED
        rows = {table.key: table for table in outcome.report.tables}
        (failed,) = rows["failed"].rows
        assert failed[-2:] == (victim.seed, "ValueError: planted")
        table = rows["conditions"]
        index = {column.key: number for number, column in enumerate(table.columns)}
        row = table.rows[conditions.index(victim)]
        assert (row[index["state"]], row[index["reason"]]) == ("failed", "ValueError: planted")
        assert all(row[index[figure.key]] is None for figure in study.figures(options))
        assert "ValueError: planted" in outcome.page.read_text()
        count = [column.key for column in rows["cells"].columns].index("seeds")
        assert sum(int(str(row[count])) for row in rows["cells"].rows) == len(conditions) - 1
        assert outcome.page.parent.joinpath("failed.csv").is_file()
        again, calls = self.retried(study, options, reports, tmp_path)
        assert calls == [victim.key], "only what failed, and only where it is asked for"
        assert tables(again) == tables(undisturbed)

    def retried(
        self, study: Study[Any], options: StudyOptions, reports: Reports, folder: Path
    ) -> tuple[StudyOutcome, list[str]]:
        calls: list[str] = []
        self.run(self.recorded(study, reports, calls), options, folder)
        assert calls == []
        return self.run(self.recorded(study, reports, calls), options, folder, retry=True), calls

    @pytest.mark.parametrize("bad", [{}, {"no_such_figure": 1.0}, "nan", "inf"])
    def test_what_is_no_measurement_is_a_failure(
        self,
        study: Study[Any],
        options: StudyOptions,
        reports: Reports,
        tmp_path: Path,
        without_plots: None,
        bad: Any,
    ) -> None:
        figure = study.figures(options)[0].key
        wrong = {figure: float(bad)} if isinstance(bad, str) else bad
        (key, report), *rest = reports.items()
        planted = {key: MeasureReport(key, wrong, None, 0.0, report.worker), **dict(rest)}
        outcome = self.run(self.recorded(study, planted, []), options, tmp_path)
        assert [failed.condition.key for failed in outcome.results.failed] == [key]
        events = read_ledger(tmp_path / "ledger.jsonl")
        (failure,) = payloads_of(events, ConditionFailed)
        assert "BadFiguresError" in failure.error

    def test_the_report_needs_no_figure_of_every_condition(
        self, study: Study[Any], options: StudyOptions, conditions: tuple[Condition, ...], tmp_path: Path
    ) -> None:
        """A study that was interrupted at once, or whose conditions all failed, has tables that say so."""
        for outcomes in ((Outcome(c) for c in conditions), (Outcome(c, error="planted") for c in conditions)):
            report = report_of(study, options, Results(tuple(outcomes)), tmp_path)
            (cells,) = (table for table in report.tables if table.key == "cells")
            start = [column.key for column in cells.columns].index("seeds")
            assert {row[start:] for row in cells.rows} == {(0, *[None] * len(study.figures(options)))}
            assert [sentence for sentence in report.answers if "Inconclusive" not in sentence] == []
            assert report.draw(tmp_path) is not None
