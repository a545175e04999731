"""The errors of tasks. Every error keeps plain arguments, so that it survives pickling."""

from ablations.floor.errors import AblationError


class TaskError(AblationError):
    """Base of what a user can get wrong about tasks; the message says what would work."""


class TaskFileError(TaskError):
    """A file of tasks cannot be used; the message names the line, or the entry."""


class TaskChoiceError(TaskError):
    """No task is what was asked for."""
