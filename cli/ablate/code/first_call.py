"""The verb `ablate code first-call`: the published tool's first step."""

from typing import Annotated

import typer

from ablations.code.asking.outputs import FOLDER
from ablations.code.asking.prompts import MAX_TOKENS
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
    template: Annotated[
        str | None, typer.Argument(help="A chat template, as the published tool takes it; servers apply their own.")
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
    """Ask an LLM for a script that runs the ablation study of all marked components."""
    from ablations.code.asking.calling import ask
    from ablations.code.asking.prompts import first_call
    from ablations.code.source.annotations import components_of, require_components
    from ablations.code.source.reading import read_documents

    found = read_documents(documents or ())
    say_skipped(found)
    components = require_components(components_of(found), found)
    say_template(template)
    with client_of(llm, vendor, model, max_cost, prices) as client:
        request = first_call(found, components, max_tokens=max_tokens)
        answered = ask(client, request, verb="first-call", folder=outputs, chat_template=template)
    say_answer(*answered)
