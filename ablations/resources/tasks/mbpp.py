"""The two formats of MBPP (Austin et al. 2021): `mbpp.jsonl` and `sanitized-mbpp.json`.

Neither says which tests may be seen. The paper puts all into its prompt, and decides by the same ones: what passes may
be written for them alone. Here the first test is visible, and all others are held out, with the challenge tests of
`mbpp.jsonl` among them.
"""

from pydantic import BaseModel, ConfigDict, Field

from ablations.resources.tasks.categories import category_of
from ablations.resources.tasks.errors import TaskError
from ablations.resources.tasks.statements import checked_test, entry_point_of, parsed
from ablations.resources.tasks.task import Task


class _Problem(BaseModel):
    """What both formats have. Fields that are not known are passed over: copies of MBPP have some of their own.

    Attributes:
        category: a field of ours, by which a file can state its own categories.
    """

    model_config = ConfigDict(extra="ignore")

    task_id: int = Field(ge=0)
    code: str = Field(min_length=1)
    test_list: tuple[str, ...]
    category: str | None = Field(default=None, min_length=1)

    def _task(self, prompt: str, setup: str, tests: tuple[str, ...]) -> Task:
        visible, *held_out = dict.fromkeys(checked_test(test) for test in tests) or ("",)
        if not held_out:
            raise TaskError("there have to be two different tests or more: the first is visible, the others decide")
        reference = with_plain_ends(self.code)
        parsed(setup, "the set-up of the tests")
        entry_point = entry_point_of(reference, visible)
        return Task(
            id=str(self.task_id),
            category=self.category or category_of(visible, entry_point),
            prompt=prompt,
            entry_point=entry_point,
            visible=(visible,),
            held_out=tuple(held_out),
            setup=setup,
            shown_setup=setup,
            reference=reference,
        )


class MbppProblem(_Problem):
    """A line of `mbpp.jsonl`."""

    text: str = Field(min_length=1)
    test_setup_code: str = ""
    challenge_test_list: tuple[str, ...] = ()

    def task(self) -> Task:
        """The problem as a task.

        Raises:
            TaskError: its code or its tests cannot be used.
        """
        setup = with_plain_ends(self.test_setup_code)
        return self._task(self.text, setup, (*self.test_list, *self.challenge_test_list))


class SanitizedProblem(_Problem):
    """An entry of `sanitized-mbpp.json`."""

    prompt: str = Field(min_length=1)
    test_imports: tuple[str, ...] = ()

    def task(self) -> Task:
        """The problem as a task.

        Raises:
            TaskError: its code or its tests cannot be used.
        """
        return self._task(self.prompt, with_plain_ends("\n".join(self.test_imports)), self.test_list)


def with_plain_ends(text: str) -> str:
    """A text with the line ends of Unix. MBPP's code has those of Windows."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
