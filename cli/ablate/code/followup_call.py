"""The verb `ablate code followup-call`: the published tool's second step."""

from pathlib import Path
from typing import Annotated

import typer

from ablations.code.asking.outputs import FOLDER
from ablations.code.asking.prompts import MAX_TOKENS
from ablations.code.source.errors import DocumentError
from cli.ablate.code.options import (
    DocumentsOption,
    FolderOption,
    LlmOption,
    MaxCostOption,
    MaxTokensOption,
    ModelOption,
    PricesOption,
    VendorOption,
    client_of,
    say_answer,
    say_skipped,
    say_template,
)


def command(
    given: Annotated[
        list[str] | None, typer.Argument(metavar="[TEMPLATE] [ERROR_OUTPUT]", help="With -o, the template only.")
    ] = None,
    error_output: Annotated[
        Path | None, typer.Option("--error-output", "-o", help="File with what the failed script printed.")
    ] = None,
    documents: DocumentsOption = None,
    llm: LlmOption = None,
    vendor: VendorOption = None,
    model: ModelOption = None,
    max_tokens: MaxTokensOption = MAX_TOKENS,
    max_cost: MaxCostOption = None,
    prices: PricesOption = None,
    outputs: FolderOption = FOLDER,
) -> None:
    """Show an LLM the script that it wrote and the error that it led to, and ask for a corrected one."""
    from ablations.code.asking.calling import ask
    from ablations.code.asking.prompts import followup_call
    from ablations.code.source.reading import read_documents, read_text

    template, error_file = _arguments(given or [], error_output)
    found, output = read_documents(documents or ()), read_text(error_file)
    say_skipped(found)
    say_template(template)
    with client_of(llm, vendor, model, max_cost, prices) as client:
        request = followup_call(found, output, max_tokens=max_tokens)
        answered = ask(client, request, verb="followup-call", folder=outputs, chat_template=template)
    say_answer(*answered)


def _arguments(given: list[str], option: Path | None) -> tuple[str | None, Path]:
    """The chat template, if one was given, and the file of the error output."""
    if len(given) > (2 if option is None else 1):
        raise DocumentError(f"A template and one error output are the most; received {' '.join(given)!r}.")
    if option is not None:
        return (given[0] if given else None), option
    if not given:
        raise DocumentError("No error output was given: name the file with what the script printed, with -o FILE.")
    return (given[0] if len(given) == 2 else None), Path(given[-1])
