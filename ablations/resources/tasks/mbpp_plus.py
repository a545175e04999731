"""EvalPlus' MBPP+ (Liu et al. 2023): MBPP's own tests, and many more inputs with a reference for what is expected.

Here MBPP's own tests are the visible ones, and the further inputs the held-out ones. The reference runs in the process
of the checks, which the judged code can neither see nor reach.
"""

import ast
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ablations.resources.tasks.categories import category_of
from ablations.resources.tasks.errors import TaskError
from ablations.resources.tasks.mbpp import with_plain_ends
from ablations.resources.tasks.plus_inputs import as_python
from ablations.resources.tasks.statements import defined_names, parsed, shortened
from ablations.resources.tasks.task import Task

_PREFIX = "Mbpp/"


class PlusProblem(BaseModel):
    """A line of `MbppPlus.jsonl`."""

    model_config = ConfigDict(extra="ignore")

    task_id: str = Field(pattern=rf"^({_PREFIX})?\d+$")
    prompt: str = Field(min_length=1)
    entry_point: str
    canonical_solution: str = Field(min_length=1)
    base_input: list[list[Any]]
    plus_input: list[list[Any]]
    atol: float = Field(ge=0, allow_inf_nan=False)
    assertion: str

    def task(self) -> Task:
        """The problem as a task.

        Raises:
            TaskError: its code, its tests or its inputs cannot be used.
        """
        reference = with_plain_ends(self.canonical_solution)
        if self.entry_point not in defined_names(parsed(reference, "`canonical_solution`")):
            raise TaskError(f"`canonical_solution` defines no {self.entry_point!r}, which is its `entry_point`")
        visible, imports = self._assertions()
        held_out = self._held_out()
        if not visible or not held_out:
            raise TaskError("there has to be an assert in `assertion`, and an input in `plus_input`")
        return Task(
            id=self.task_id.removeprefix(_PREFIX),
            category=category_of(visible[0], self.entry_point),
            prompt=_without_quotes(self.prompt),
            entry_point=self.entry_point,
            visible=visible,
            held_out=held_out,
            setup="\n".join((*imports, _setup(reference, self.entry_point, self.atol))),
            shown_setup="\n".join(imports),
            reference=reference,
        )

    def _assertions(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The asserts of MBPP, and the statements that they need."""
        source = with_plain_ends(self.assertion)
        tree = parsed(source, "`assertion`")
        asserts = [node for node in tree.body if isinstance(node, ast.Assert)]
        others = [node for node in tree.body if not isinstance(node, ast.Assert)]
        return tuple(map(ast.unparse, asserts)), tuple(map(ast.unparse, others))

    def _held_out(self) -> tuple[str, ...]:
        number = int(self.task_id.removeprefix(_PREFIX))
        try:
            inputs = [as_python(number, arguments) for arguments in self.plus_input]
        except (TypeError, ValueError, IndexError, AttributeError) as error:
            raise TaskError(
                f"`plus_input` is not what EvalPlus has for its task {number}: {error}; "
                f"received {shortened(str(self.plus_input))}"
            ) from error
        calls = (f"assert _oracle.agrees({self.entry_point}, {arguments!r})" for arguments in inputs)
        return tuple(dict.fromkeys(calls))


def _setup(reference: str, entry_point: str, tolerance: float) -> str:
    """Statements that make `_oracle`. Its source is a text in them: no name in it can mean one of the judged code."""
    return (
        "from math import inf, nan\n"
        "_agreement = {'__name__': '_agreement'}\n"
        f"exec({_agreement()!r}, _agreement)\n"
        f"_oracle = _agreement['Oracle']({reference!r}, {entry_point!r}, {tolerance!r})"
    )


@cache
def _agreement() -> str:
    return files("ablations.resources.tasks").joinpath("agreement.py").read_text(encoding="utf-8")


def _without_quotes(prompt: str) -> str:
    """The prompt without the quotes of the docstring as which EvalPlus writes it."""
    return with_plain_ends(prompt).strip().removeprefix('"""').removesuffix('"""').strip()
