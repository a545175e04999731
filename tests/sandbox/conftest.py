"""The sandboxes that the tests run in, and the world outside of them."""

from collections.abc import Iterator

import pytest

from sandbox.backends.base import Backend
from sandbox.backends.bwrap import Bwrap
from sandbox.backends.none import NoIsolation
from sandbox.job import script
from sandbox.runner import Sandbox
from tests.sandbox.contract import MANY
from tests.sandbox.world import World, planted

_MAY_NOT = ("No permissions to create", "Operation not permitted", "Permission denied", "Creating new namespace failed")
"""What bubblewrap says in a container, or on a system, that may make no namespaces."""


def needed(backend: Backend) -> Sandbox:
    """The sandbox, or a skip that says what is missing."""
    about = backend.availability()
    if not about.usable:
        pytest.skip(f"no sandbox here: {about.found}; {about.advice}")
    box = Sandbox(backend)
    tried = box.run(script("pass", limits=MANY))
    if any(words in tried.detail for words in _MAY_NOT):
        pytest.skip(f"no sandbox here: {tried.detail}")
    return box


@pytest.fixture(scope="session")
def box() -> Sandbox:
    """The sandbox that can be had here."""
    return needed(Bwrap())


@pytest.fixture(scope="session")
def one_user_box() -> Sandbox:
    """The same as users without privileges have it: program, referee and supervisor are one user."""
    return needed(Bwrap(privileged=False))


@pytest.fixture(scope="session")
def open_box() -> Sandbox:
    """No isolation, for programs that do no harm."""
    return Sandbox(NoIsolation())


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with planted() as planted_world:
        yield planted_world
