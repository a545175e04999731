"""The heads study on the floor: the contract of all studies."""

from pathlib import Path
from typing import Any

import pytest

from ablations.floor.options import StudyOptions
from ablations.floor.study import Study
from ablations.heads.options import HeadsOptions
from ablations.heads.study import HeadsStudy
from tests.ablations.study_contract import StudyContract


class TestHeadsStudy(StudyContract):
    """On a tiny model."""

    @pytest.fixture(scope="class")
    def study(self) -> Study[Any]:
        return HeadsStudy()

    @pytest.fixture(scope="class")
    def options(self, tiny_folder: Path) -> StudyOptions:
        return HeadsOptions(
            model_name=str(tiny_folder),
            device="cpu",
            seeds=2,
            pruning_levels=(0, 50),
            pruning_method=("magnitude",),
            temperatures=(0.5, 1),
            num_tokens=8,
            max_prompts=2,
            batch_size=2,
        )
