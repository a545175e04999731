"""Reading a file of tasks, whole: each line is looked at, whichever tasks are chosen."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from ablations.resources.tasks.errors import TaskError, TaskFileError
from ablations.resources.tasks.mbpp import MbppProblem, SanitizedProblem
from ablations.resources.tasks.mbpp_plus import PlusProblem
from ablations.resources.tasks.selection import chosen
from ablations.resources.tasks.splits import Split
from ablations.resources.tasks.task import Task, TaskSet
from ground.problems import describe_problems

Kind = type[MbppProblem] | type[SanitizedProblem] | type[PlusProblem]

_COMPRESSED = b"\x1f\x8b"
_KINDS: tuple[tuple[str, Kind], ...] = (
    ("base_input", PlusProblem),
    ("text", MbppProblem),
    ("prompt", SanitizedProblem),
)
"""The formats, by a field that only they have, or that those before lack."""
_SPLIT: dict[Kind, Split] = {MbppProblem: Split.TEST, SanitizedProblem: Split.TEST, PlusProblem: Split.ALL}
"""What is evaluated where nothing else is asked for: the part that MBPP names, and all of MBPP+, as EvalPlus does."""


class _Entry(NamedTuple):
    """One JSON object of a file, and where it stands."""

    place: str
    content: object


def read_tasks(
    path: Path, *, split: Split | None = None, task_ids: Sequence[str] = (), limit: int | None = None
) -> TaskSet:
    """Read tasks in one of the formats of MBPP, or that of EvalPlus' MBPP+. The content says which it is.

    Args:
        path: the file.
        split: the part to take; None is the test part of MBPP, and all of MBPP+ or of the tasks that are named.
        task_ids: the tasks to take; empty takes all of the part.
        limit: the most tasks to take, from the beginning.

    Raises:
        TaskFileError: the file cannot be used; the message names the line.
        TaskChoiceError: no task is what was asked for.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TaskFileError(f"the tasks cannot be read from {str(path)!r}: {error.strerror or error}") from error
    return tasks_of(data, path.name, split=split, task_ids=task_ids, limit=limit)


def tasks_of(
    data: bytes, name: str, *, split: Split | None = None, task_ids: Sequence[str] = (), limit: int | None = None
) -> TaskSet:
    """The same as `read_tasks`, from the content of a file.

    Args:
        data: the content.
        name: what to call the file.
        split: the part to take.
        task_ids: the tasks to take.
        limit: the most tasks to take.
    """
    kinds: set[Kind] = set()
    tasks: dict[str, Task] = {}
    for entry in _entries(data, name):
        kind, task = _read(entry, name)
        kinds.add(kind)
        if task.id in tasks:
            raise TaskFileError(f"{name}, {entry.place}: there is a task {task.id} before it already")
        tasks[task.id] = task
    if len(kinds) != 1:
        found = "has no task" if not kinds else "mixes formats, each of which divides its tests in its own way"
        raise TaskFileError(
            f"{name} {found}; what works is mbpp.jsonl, sanitized-mbpp.json or EvalPlus' MbppPlus.jsonl"
        )
    part = split or (Split.ALL if task_ids else _SPLIT[kinds.pop()])
    return TaskSet(
        tasks=chosen(tuple(tasks.values()), part, task_ids, limit, name),
        sha256=hashlib.sha256(data).hexdigest(),
        source=name,
        split=part,
    )


def _entries(data: bytes, name: str) -> Iterator[_Entry]:
    if data.startswith(_COMPRESSED):
        raise TaskFileError(f"{name} is compressed; decompress it first, for instance with gunzip")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TaskFileError(f"{name} is no text in UTF-8, at byte {error.start}") from error
    if text.lstrip().startswith("["):
        yield from (_Entry(f"entry {place}", content) for place, content in enumerate(_array(text, name), start=1))
        return
    for number, line in enumerate(text.split("\n"), start=1):  # not splitlines: JSON may hold other line ends
        if line.strip():
            yield _Entry(f"line {number}", _parsed(line, f"{name}, line {number}"))


def _array(text: str, name: str) -> list[object]:
    found = _parsed(text, name)
    if not isinstance(found, list):
        raise TaskFileError(f"{name} has to be a JSON array, or one JSON object on each line")
    return found


def _parsed(text: str, where: str) -> object:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TaskFileError(f"{where}: no JSON: {error}") from error
    return found


def _read(entry: _Entry, name: str) -> tuple[Kind, Task]:
    where = f"{name}, {entry.place}"
    if not isinstance(entry.content, dict):
        raise TaskFileError(f"{where}: a task has to be a JSON object, and this is {type(entry.content).__name__}")
    content = entry.content
    kind = next((kind for field, kind in _KINDS if field in content), None)
    if kind is None:
        raise TaskFileError(
            f"{where}: no task of a known format, which has `text` (mbpp.jsonl), `prompt` (sanitized-mbpp.json) or "
            f"`base_input` (MbppPlus.jsonl); the fields are {', '.join(map(str, content)) or 'none'}"
        )
    try:
        return kind, kind.model_validate(content).task()
    except ValidationError as error:
        raise TaskFileError(f"{where}: {describe_problems(error, 'the task', most=3, received=True)}") from error
    except TaskError as error:
        raise TaskFileError(f"{where}: {error}") from error
