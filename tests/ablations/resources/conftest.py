"""The sandbox in which the tests of the resource study judge code."""

import pytest

from sandbox.backends.bwrap import Bwrap
from sandbox.runner import Sandbox
from tests.sandbox.conftest import needed


@pytest.fixture(scope="session")
def box() -> Sandbox:
    """The sandbox that can be had here."""
    return needed(Bwrap())
