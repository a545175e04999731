"""One call: made, kept, and refused if it has no whole answer."""

from pathlib import Path

from ablations.code.asking.outputs import save_answer
from ablations.code.source.errors import CallError
from llm_clients.client import LLMClient
from llm_clients.kinds import CallOutcome
from llm_clients.request import Completion, Request


def ask(client: LLMClient, request: Request, *, verb: str, folder: Path, **more: str | None) -> tuple[Completion, Path]:
    """Make a call and keep its raw answer.

    Args:
        client: Counts what it spends against its own limit.
        request: What to ask.
        verb: For the name of the file.
        folder: Of the raw answers.
        more: Further fields of the record.

    Returns:
        The completion, which is answered, and the path of its text.

    Raises:
        CallError: There is no answer, or not a whole one. What there is has been kept.
    """
    completion = client.complete(request)
    path = save_answer(folder, verb, request, completion, **more)
    if completion.outcome is CallOutcome.TRUNCATED:
        raise CallError(
            f"{client.model} stopped in the middle of its answer after {request.max_tokens} tokens. Half an answer is "
            f"not used; it is in {path}. Raise --max-tokens."
        )
    if not completion.answered:
        raise CallError(f"{client.model} gave no answer ({completion.outcome.value}): {completion.detail} See {path}.")
    return completion, path
