"""What the tests of the study of a script share."""

import pytest

from sandbox.backends.bwrap import Bwrap
from tests.sandbox.conftest import needed


@pytest.fixture(scope="session")
def sandboxed() -> None:
    """Skip, with what is missing, where there is no sandbox."""
    needed(Bwrap())
