"""The search of the real command in this process, without Ray: what a launch is held against."""

import contextlib
from pathlib import Path

import pytest

import search.run
from cli.main import main
from tests.cli.launched import Launched
from tests.search.alone import run_trials_alone


def search_alone(folder: Path, *arguments: str, **variables: str) -> Launched:
    """`launch.py` with these arguments and environment variables, interrupted when the winner is known."""

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.setattr(search.run, "ray_session", lambda *_: contextlib.nullcontext())
        patch.setattr("search.tuning.run_trials", run_trials_alone)
        patch.setattr(search.run.Run, "_finetune", interrupt)
        done = Launched(main(list(arguments)), "", folder)
    assert done.code == 130
    return done
