"""The contract of all studies; a subclass provides a `study` and `runs` that it can use."""

import csv
import io
import json
import random
from collections.abc import Sequence

import pytest

from ablations.floor.errors import NothingToCompareError
from ablations.floor.export import to_csv, to_json, to_latex
from ablations.registry import STUDIES
from ablations.run_study import RunStudy
from tracking.mirror.records import RunRecord


class RunStudyContract:
    """Inherit, and override the fixtures `study` and `runs`."""

    def test_it_is_registered_under_its_name(self, study: RunStudy) -> None:
        assert STUDIES[study.name] is type(study)
        assert study.question.endswith("?")

    def test_tables_have_keys_and_titles_of_their_own(self, study: RunStudy, runs: Sequence[RunRecord]) -> None:
        tables = study.tables(runs)
        assert tables
        assert len({table.key for table in tables}) == len(tables)
        for table in tables:
            keys = [column.key for column in table.columns]
            assert table.title
            assert len(set(keys)) == len(keys)
            assert all(len(row) == len(keys) for row in table.shown())

    def test_the_order_of_runs_does_not_matter(self, study: RunStudy, runs: Sequence[RunRecord]) -> None:
        shuffled = list(runs)
        for seed in range(3):
            random.Random(seed).shuffle(shuffled)
            assert study.tables(shuffled) == study.tables(runs)

    def test_the_page_opens_with_answers_that_do_not_depend_on_the_order_of_runs(
        self, study: RunStudy, runs: Sequence[RunRecord]
    ) -> None:
        answers = study.answers(runs)
        assert answers
        assert all(answer.endswith(".") for answer in answers)
        assert study.answers(list(reversed(runs))) == answers
        with pytest.raises(NothingToCompareError):
            study.answers([])

    def test_every_table_can_be_a_file(self, study: RunStudy, runs: Sequence[RunRecord]) -> None:
        tables = study.tables(runs)
        assert len(json.loads(to_json(tables))["tables"]) == len(tables)
        for table in tables:
            lines = list(csv.reader(io.StringIO(to_csv(table))))
            assert len(lines) == len(table.rows) + 1
            assert len({len(line) for line in lines}) == 1
            assert to_latex(table).count(r"\\") >= len(table.rows) + 1

    def test_nothing_is_printed(
        self, study: RunStudy, runs: Sequence[RunRecord], capsys: pytest.CaptureFixture[str]
    ) -> None:
        study.tables(runs)
        captured = capsys.readouterr()
        assert (captured.out, captured.err) == ("", "")

    def test_no_runs_is_an_error_that_says_so(self, study: RunStudy) -> None:
        with pytest.raises(NothingToCompareError, match="no run was found"):
            study.tables([])
