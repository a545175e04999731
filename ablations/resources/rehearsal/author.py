"""Writes the answers of a scripted model: right ones are the tasks' references, and wrong ones fail in several ways."""

import hashlib
import random
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from ablations.resources.branching.prompts import divided, first_prompt
from ablations.resources.branching.telling import told
from ablations.resources.rehearsal.skill import Skill
from ablations.resources.tasks.task import Task

_WRONG = (
    "```python\ndef {name}(*given, **named):\n    # draft {draft}\n    return None\n```",
    "Here is a solution.\n\n```python\ndef {name}(*given, **named):\n    draft = {draft!r}\n    return given[99]\n```",
    "```python\n# draft {draft}\ndef {name}(*given)\n    return given\n```\n\nThe colon is left as an exercise.",
    "I would begin with a loop, and go on from there (draft {draft}).",
)

_KNOWN = 0.25
"""The part of wrong answers that are solutions known to be wrong; many of these pass the visible checks."""


class Author:
    """Answers by skill. What it draws follows from its name, the prompt, and how often it was asked that.

    So a first attempt is a new draw each time, as of a model at a temperature, and a branch, which is asked once, is
    always answered in the same way. One that is steady answers all prompts so.
    """

    def __init__(
        self, name: str, tasks: Iterable[Task], skill: Skill, wrong: Mapping[str, Sequence[str]] = MappingProxyType({}),
        *, steady: bool = False,
    ) -> None:  # fmt: skip
        """Learn the tasks.

        Args:
            name: Two models of different names draw independently.
            tasks: That it may be asked.
            skill: How often it is right.
            wrong: Wrong solutions by the task's id, of which it gives some besides those that do nothing.
            steady: Whether it answers a prompt in the same way whenever it is asked.
        """
        self._name, self._skill, self._wrong, self._steady = name, skill, wrong, steady
        self._tasks = {first_prompt(told(task)): task for task in tasks}
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, prompt: str) -> str:
        """Answer."""
        first, level = divided(prompt)
        task = self._tasks.get(first)
        if task is None:
            return "I know no such task."
        with self._lock:
            self._asked[prompt] += 1
            dice = self._dice(prompt, 1 if self._steady else self._asked[prompt])
        if dice.random() < self._chance(task, level):
            return f"```python\n{task.reference.strip()}\n```"
        draft, known = f"{dice.getrandbits(32):08x}", self._wrong.get(task.id, ())
        if known and dice.random() < _KNOWN:
            return f"```python\n# draft {draft}\n{dice.choice(known).strip()}\n```"
        return dice.choice(_WRONG).format(name=task.entry_point, draft=draft)

    def _chance(self, task: Task, level: int) -> float:
        within_reach = self._dice("reach", task.id).random() < self._skill.reach_of(task.category)
        return self._skill.of(task.category, level) if within_reach else 0.0

    def _dice(self, *what: object) -> random.Random:
        text = ":".join(map(str, (self._name, *what)))
        return random.Random(hashlib.sha256(text.encode()).hexdigest())  # noqa: S311  a rehearsal
