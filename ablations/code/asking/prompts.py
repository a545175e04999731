"""What the model is asked: a whole ablation script (first and follow-up call, as published), or a component's patch.

Documents and error outputs are data: each is in a block whose mark occurs nowhere in it, and the instructions say that
nothing in a block is an instruction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ablations.code.asking.blocks import DATA, block
from ablations.code.source.annotations import EXPLICIT, HINT_END, HINT_START, Component, Kind
from ablations.code.source.documents import Documents
from ablations.code.source.patches import Patch
from llm_clients.request import Message, Request, Role

MAX_TOKENS = 8192
"""Of one answer."""

COMPLAINT_LENGTH = 4000
"""Bytes of a complaint that are shown: its end, where a stack trace says what failed."""
ANSWER_LENGTH = 8000
"""Bytes of an earlier answer that are shown: its end."""

_MARKS = (
    f"Components are marked in the source: a line that ends in {EXPLICIT} is one component, and goes away as a whole; "
    f"in a block between {HINT_START} and {HINT_END} you decide what to take away."
)
SYSTEM = f"You are an engineer who writes ablation studies of machine-learning code. {_MARKS}\n{DATA}"
RULES = """An ablation takes one component away, and nothing else:
- Replace it by what does nothing: the identity (`nn.Identity()`, or `x = x`), zero, or nothing at all. Put nothing \
that learns, draws at random or decides in its place.
- Change lines outside of the component only where they use a name that the component alone binds, and only to take \
that use away: `self.norm(x)` becomes `x`.
- Leave the metric's code, the seed, the data and its split, the training and everything that is reported as they are. \
Add no output, no exit, no exception handling.
Answer with edits of whole lines: the path, the first and the last line, these lines exactly as they are, and the new \
ones."""


def first_call(documents: Documents, components: Sequence[Component], *, max_tokens: int = MAX_TOKENS) -> Request:
    """Ask for a script that runs the ablation study of all components, with instructions in words."""
    task = (
        "Write one complete Python script that runs an ablation study of the marked components: the original once, and "
        "once without each component, all with the same seed, data and metric. At the end it prints a table of the "
        "metric with and without each component. Say first, in a few sentences, what is ablated and how to run the "
        "script; then give the whole script in one code block.\n\n"
        f"The components:\n{_listed(components)}"
    )
    return Request.ask(f"{task}\n\n{_shown(documents)}", system=SYSTEM, max_tokens=max_tokens)


def followup_call(documents: Documents, error_output: str, *, max_tokens: int = MAX_TOKENS) -> Request:
    """Ask for a script again that failed, showing it and what it printed."""
    task = (
        "The script below was written for an ablation study, and failed when it was run. Say in a few sentences what "
        "was wrong; then give the whole corrected script in one code block. Correct what fails and nothing else: hide "
        "no exception, and leave seed, data and metric as they are."
    )
    parts = [task, block("output of the run", error_output), _shown(documents)]
    return Request.ask("\n\n".join(parts), system=SYSTEM, max_tokens=max_tokens)


@dataclass(frozen=True, slots=True)
class Failure:
    """An earlier attempt.

    Attributes:
        answer: What the model wrote.
        complaint: Why it was refused, or how its run failed.
    """

    answer: str
    complaint: str


LARGEST_FAILURE = Failure("x" * ANSWER_LENGTH, "x" * COMPLAINT_LENGTH)
"""As long as any that is shown, for an estimate of the cost."""


def patch_call(
    documents: Documents,
    component: Component,
    *,
    failures: Sequence[Failure] = (),
    max_tokens: int = MAX_TOKENS,
) -> Request:
    """Ask for the patch that takes one component away.

    Args:
        documents: All of them.
        component: Which one.
        failures: Earlier attempts, in order. The model sees its own answers, and what was wrong with each.
        max_tokens: Of the answer.
    """
    what = "all of it goes away" if component.kind is Kind.EXPLICIT else "decide what of it goes away"
    task = (
        f"Write the patch that ablates the component {component.name!r}: lines {component.first_line} to "
        f"{component.last_line} of {component.file} ({component.kind.value}: {what})."
    )
    parts = [
        task,
        RULES,
        block(component.name, component.source),
        _shown(documents, numbered=True),
    ]
    messages = [Message(Role.USER, "\n\n".join(parts))]
    for failure in failures:
        messages.append(Message(Role.ASSISTANT, _end(failure.answer, ANSWER_LENGTH) or "(nothing)"))
        complaint = block("why this patch was not accepted", _end(failure.complaint, COMPLAINT_LENGTH))
        messages.append(Message(Role.USER, f"{complaint}\n\n{_AGAIN}"))
    return Request(SYSTEM, tuple(messages), schema=Patch.model_json_schema(), max_tokens=max_tokens)


_AGAIN = "Write the whole patch again, for the original documents as they were shown, by the same rules."


def _end(text: str, longest: int) -> str:
    """The last bytes of a text that fit."""
    data = text.encode()
    return text if len(data) <= longest else data[-longest:].decode(errors="ignore")


def _listed(components: Sequence[Component]) -> str:
    return "\n".join(
        f"- {found.name}: {found.kind.value}, {found.file} lines {found.first_line} to {found.last_line}"
        for found in components
    )


def _shown(documents: Documents, *, numbered: bool = False) -> str:
    return "\n\n".join(
        block(path, _numbered(text) if numbered and path.endswith(".py") else text)
        for path, text in documents.texts.items()
    )


def _numbered(text: str) -> str:
    return "\n".join(f"{number:4} | {line}" for number, line in enumerate(text.splitlines(), start=1))
