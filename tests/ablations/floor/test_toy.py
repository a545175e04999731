"""The toy study under the contract of all studies, and the faults that the contract must find."""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from ablations.floor.condition import Condition
from ablations.floor.execution.worker import CONDITION, MeasureWorker, Work
from ablations.floor.options import StudyOptions
from ablations.floor.study import MeasureContext, Study
from tests.ablations.floor.toy import Toy, ToyOptions
from tests.ablations.study_contract import StudyContract


class TestToy(StudyContract):
    @pytest.fixture(scope="class")
    def study(self) -> Study[Any]:
        return Toy()

    @pytest.fixture(scope="class")
    def options(self) -> StudyOptions:
        return ToyOptions(seeds=2, loads=(0, 1))


class Forgetful(Toy):
    """Draws with another seed each time."""

    drawn = itertools.count()

    def measure(self, options: ToyOptions, condition: Condition, context: MeasureContext) -> Mapping[str, float]:
        other = condition.model_copy(update={"seed": next(self.drawn)})
        return super().measure(options, other, context)


def test_the_contract_finds_a_measure_that_forgets_its_seed(tmp_path_factory: pytest.TempPathFactory) -> None:
    study, options, contract = Forgetful(), ToyOptions(seeds=1), TestToy()
    conditions = study.conditions(options)
    folder = tmp_path_factory.mktemp("forgetful")
    worker = MeasureWorker(Work(study, options, folder, folder, 1), "here")
    reports = {
        report.condition: report
        for report in (worker.measure({CONDITION: c.model_dump(mode="json")}) for c in conditions)
    }
    with pytest.raises(AssertionError):
        contract.test_the_same_seed_gives_the_same_figures(study, options, worker, conditions, reports)
