"""The real command in this process, without Ray: what a launch is held against, and what Ray has no part in."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

import search.run
from cli.main import main
from tests.cli.launched import Launched
from tests.search.alone import run_trials_alone
from trainers.job import FinetuneJob, run_job
from trainers.place import Place


def run_alone(folder: Path, *arguments: str, **variables: str) -> Launched:
    """`launch.py` with these arguments and environment variables, to its end; one worker fine-tunes."""
    with _without_ray(folder, variables):
        return Launched(main([*arguments, "--finetune-workers", "1"]), "", folder)


def search_alone(folder: Path, *arguments: str, **variables: str) -> Launched:
    """`launch.py` with these arguments and environment variables, interrupted when the winner is known."""

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with _without_ray(folder, variables) as patch:
        patch.setattr(search.run.Run, "_finetune", interrupt)
        done = Launched(main(list(arguments)), "", folder)
    assert done.code == 130
    return done


@contextlib.contextmanager
def _without_ray(folder: Path, variables: Mapping[str, str]) -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.setattr(search.run, "ray_session", lambda *_: contextlib.nullcontext())
        patch.setattr("search.execution.tuning.run_trials", run_trials_alone)
        patch.setattr("trainers.finetune._check_resources", lambda *_: None)
        patch.setattr("trainers.finetune._trainer", _lone_trainer)
        yield patch


def _lone_trainer(job: FinetuneJob, *_: object) -> SimpleNamespace:
    """Stands for Ray's trainer: the same job, with no other worker."""
    return SimpleNamespace(fit=lambda: run_job(job, Place.here()))
