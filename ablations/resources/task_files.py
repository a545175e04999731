"""The tasks that the options name: those of a file, or those that ship with the study."""

from ablations.resources.options import ResourcesOptions
from ablations.resources.tasks.reading import read_tasks
from ablations.resources.tasks.shipped import shipped_tasks
from ablations.resources.tasks.task import TaskSet


def tasks_of(options: ResourcesOptions) -> TaskSet:
    """Return the tasks.

    Raises:
        TaskError: The file cannot be used, or has no task that was asked for.
    """
    if options.tasks is None:
        return shipped_tasks(task_ids=options.task_id, limit=options.limit)
    return read_tasks(options.tasks, split=options.split, task_ids=options.task_id, limit=options.limit)
