"""A task and a set of tasks, as values."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypedDict

from ablations.resources.tasks.splits import Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One programming problem.

    A model may see `prompt`, `entry_point`, `visible` and `shown_setup`. It never sees the other fields.

    Attributes:
        id: its number in the file, as text.
        category: what kind of problem it is: of the file, or read from the first visible test.
        prompt: what is to be programmed, in words.
        entry_point: name of the function that the tests call.
        visible: checks that a model may be told, and by which it may try again.
        held_out: checks that decide whether the task is solved.
        setup: Python statements to execute before the checks, in the checks' own process. They may hold the reference.
        shown_setup: those of them without which the visible checks cannot be understood; empty of most tasks.
        reference: a solution that passes all checks.
    """

    id: str
    category: str
    prompt: str
    entry_point: str
    visible: tuple[str, ...]
    held_out: tuple[str, ...]
    setup: str = ""
    shown_setup: str = ""
    reference: str


class TaskRow(TypedDict):
    """A task as a row of a table: only text and whole numbers."""

    task_id: str
    category: str
    split: str
    entry_point: str
    prompt: str
    visible_tests: str
    held_out_tests: str
    visible_count: int
    held_out_count: int
    source: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSet:
    """The tasks of a study, in the order of their file.

    Attributes:
        tasks: at least one, each with an id of its own.
        sha256: of the file that they are from, in hexadecimal, byte for byte.
        source: the file's name, without its folder.
        split: the part of the file that was asked for.
    """

    tasks: tuple[Task, ...]
    sha256: str
    source: str
    split: Split

    def __iter__(self) -> Iterator[Task]:
        return iter(self.tasks)

    def __len__(self) -> int:
        return len(self.tasks)

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories of the tasks, sorted."""
        return tuple(sorted({task.category for task in self.tasks}))

    def as_rows(self) -> list[TaskRow]:
        """One row for each task, for a table or a database. Held-out tests are in it: no prompt may be made of it."""
        return [self._row(task) for task in self.tasks]

    def _row(self, task: Task) -> TaskRow:
        return TaskRow(
            task_id=task.id,
            category=task.category,
            split=self.split.value,
            entry_point=task.entry_point,
            prompt=task.prompt,
            visible_tests="\n".join(task.visible),
            held_out_tests="\n".join(task.held_out),
            visible_count=len(task.visible),
            held_out_count=len(task.held_out),
            source=self.source,
            sha256=self.sha256,
        )
