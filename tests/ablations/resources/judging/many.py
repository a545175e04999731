"""Many programs judged at once, in threads, as the study does it."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ablations.resources.judging.judge import Judge
from ablations.resources.judging.judgement import Judgements
from ablations.resources.tasks.task import Task

Key = TypeVar("Key")
WORKERS = 4


def judge_many(judge: Judge, programs: Mapping[Key, tuple[Task, str]]) -> dict[Key, Judgements]:
    """Judge the code of each program by the checks of its task."""
    with ThreadPoolExecutor(WORKERS) as threads:
        return dict(zip(programs, threads.map(lambda one: judge.judge_both(*one), programs.values()), strict=True))
