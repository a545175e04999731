"""The real command in this process, without Ray: to compare a launch with, and to test what does not need Ray."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from cli.main import main
from tests.cli.launched import Launched


def run_alone(folder: Path, *arguments: str, **variables: str) -> Launched:
    """Run `launch.py` with these arguments and environment variables to its end; one worker fine-tunes."""
    with _at(folder, variables):
        return Launched(main([*arguments, "--executor", "local", "--finetune-workers", "1"]), "", folder)


def search_alone(folder: Path, *arguments: str, **variables: str) -> Launched:
    """Run `launch.py` with these arguments and environment variables, and interrupt it when the winner is known."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with _at(folder, variables) as patch:
        patch.setattr("search.execution.local.LocalExecutor.finetune", interrupt)
        done = Launched(main([*arguments, "--executor", "local"]), "", folder)
    assert done.code == 130
    return done


@contextlib.contextmanager
def _at(folder: Path, variables: Mapping[str, str]) -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in variables.items():
            patch.setenv(name, value)
        yield patch
