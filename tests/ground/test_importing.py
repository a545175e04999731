"""The garbage collector rests during imports, and is as it was afterwards."""

import gc
from collections.abc import Iterator
from importlib import import_module

import pytest

from ground.importing import without_collection


@pytest.fixture(params=[True, False], ids=["on", "off"])
def enabled(request: pytest.FixtureRequest) -> Iterator[bool]:
    before = gc.isenabled()
    _set(request.param)
    yield request.param
    _set(before)


def _set(enabled: bool) -> None:
    if enabled:
        gc.enable()
    else:
        gc.disable()


def test_it_rests_and_is_as_it_was(enabled: bool) -> None:
    with without_collection():
        assert not gc.isenabled()
    assert gc.isenabled() is enabled


def test_it_is_as_it_was_after_an_import_that_fails(enabled: bool) -> None:
    with pytest.raises(ModuleNotFoundError), without_collection():
        import_module("no_such_module")
    assert gc.isenabled() is enabled
