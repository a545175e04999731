"""The tasks that come with the package, in MBPP's format, and solutions of them that look right and are not.

They are our own, so that a rehearsal downloads nothing. None of their texts is from MBPP.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from ablations.resources.tasks.reading import tasks_of
from ablations.resources.tasks.splits import Split
from ablations.resources.tasks.task import TaskSet

_FOLDER = files("ablations.resources.tasks")
_TASKS, _KNOWN_BAD = "shipped.jsonl", "known_bad.jsonl"


@dataclass(frozen=True, slots=True)
class KnownBad:
    """A solution that fails at least one held-out check of its task.

    Attributes:
        task_id: of the task.
        fault: what is wrong with it, in a few words.
        code: Python.
    """

    task_id: str
    fault: str
    code: str


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    task_id: int
    fault: str
    code: str


def shipped_tasks(*, task_ids: Sequence[str] = (), limit: int | None = None) -> TaskSet:
    """The tasks that come with the package.

    Args:
        task_ids: the tasks to take; empty takes all.
        limit: the most tasks to take, from the beginning.

    Raises:
        TaskChoiceError: no task is what was asked for.
    """
    data = _FOLDER.joinpath(_TASKS).read_bytes()
    return tasks_of(data, _TASKS, split=Split.ALL, task_ids=task_ids, limit=limit)


@cache
def known_bad() -> tuple[KnownBad, ...]:
    """Wrong solutions of the shipped tasks, three or more of each, in the order of the tasks."""
    text = _FOLDER.joinpath(_KNOWN_BAD).read_text(encoding="utf-8")
    lines = (_Line.model_validate_json(line) for line in text.splitlines())
    return tuple(KnownBad(str(line.task_id), line.fault, line.code) for line in lines)
