"""What several launched tests share."""

import pytest

from tests.cli.launched import QUICK, Launched, launch_once
from tests.conftest import shared_folder


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Launched:
    """An undisturbed run."""
    done = launch_once(shared_folder(tmp_path_factory), *QUICK)
    assert done.code == 0, done.output
    return done
