"""Which tasks of a file are taken."""

from collections.abc import Sequence

from ablations.resources.tasks.errors import TaskChoiceError
from ablations.resources.tasks.splits import NUMBERS, Split
from ablations.resources.tasks.task import Task
from ground.names import did_you_mean, near_misses


def chosen(
    tasks: tuple[Task, ...], split: Split, task_ids: Sequence[str], limit: int | None, name: str
) -> tuple[Task, ...]:
    """The tasks of a part, or those that are named, in the order of the file, up to a limit.

    Args:
        tasks: all of the file.
        split: the part.
        task_ids: the tasks to take; empty takes all of the part.
        limit: the most tasks to take; None takes all.
        name: of the file.

    Raises:
        TaskChoiceError: a named task is not there, or none is left.
    """
    if limit is not None and limit < 1:
        raise TaskChoiceError(f"the limit of tasks is {limit}; it has to be 1 or more")
    part = [task for task in tasks if split.has(int(task.id))]
    if not part:
        raise TaskChoiceError(f"{name} has no task in the part {split.value!r}, {_numbers(split)}; try --split all")
    if task_ids:
        wanted = set(task_ids)
        for asked in sorted(wanted - {task.id for task in part}):
            raise TaskChoiceError(_not_there(asked, part, tasks, split, name))
        part = [task for task in part if task.id in wanted]
    return tuple(part[:limit])


def _not_there(asked: str, part: list[Task], tasks: tuple[Task, ...], split: Split, name: str) -> str:
    if any(task.id == asked for task in tasks):
        return f"task {asked} of {name} is not in the part {split.value!r}, {_numbers(split)}; try --split all"
    near = did_you_mean(near_misses(asked, [task.id for task in part]))
    return f"{name} has no task {asked!r}; {near}it has {len(part):,}, from {part[0].id} to {part[-1].id}"


def _numbers(split: Split) -> str:
    if split is Split.ALL:
        return "which is every task"
    return f"which is the tasks {NUMBERS[split].start} to {NUMBERS[split].stop - 1}"
