"""What a model may be told of a task: the one place where a task becomes words for a model."""

from ablations.resources.branching.prompts import Told
from ablations.resources.tasks.task import Task


def told(task: Task) -> Told:
    """Return it, without held-out checks, reference and hidden set-up."""
    return Told(task.prompt, task.entry_point, task.visible, task.shown_setup)
