"""The sandboxes that the tests run in, and the world outside of them."""

from collections.abc import Iterator

import pytest

from sandbox.backends.base import Backend
from sandbox.backends.bwrap import Bwrap
from sandbox.backends.none import NoWalls
from sandbox.runner import Sandbox
from tests.sandbox.world import World, planted


def needed(backend: Backend) -> Sandbox:
    """The sandbox, or a skip that says what is missing."""
    about = backend.availability()
    if not about.usable:
        pytest.skip(f"no sandbox here: {about.found}; {about.advice}")
    return Sandbox(backend)


@pytest.fixture(scope="session")
def box() -> Sandbox:
    """The sandbox with walls that can be had here."""
    return needed(Bwrap())


@pytest.fixture(scope="session")
def one_user_box() -> Sandbox:
    """The same as users without privileges have it: program, referee and supervisor are one user."""
    return needed(Bwrap(privileged=False))


@pytest.fixture(scope="session")
def open_box() -> Sandbox:
    """No walls, for programs that do no harm."""
    return Sandbox(NoWalls())


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with planted() as planted_world:
        yield planted_world
