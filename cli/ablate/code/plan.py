"""The verb `ablate code plan`: what will be ablated, what the LLM would be asked, and the most that it can cost."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ablations.code.asking.prompts import MAX_TOKENS
from cli.ablate.code.options import LlmOption, MaxTokensOption, PricesOption, say_skipped
from cli.console import say, say_document, say_json
from cli.option_types import JsonOption

if TYPE_CHECKING:
    from ablations.code.asking.estimate import Estimate
    from ablations.code.source.annotations import Component
    from llm_clients.request import Request


def command(
    files: Annotated[list[Path], typer.Argument(help="Scripts, and folders of them.")],
    llm: LlmOption = None,
    attempts: Annotated[int, typer.Option(min=1, help="Most patches to ask for per component.")] = 3,
    max_tokens: MaxTokensOption = MAX_TOKENS,
    prices: PricesOption = None,
    layers: Annotated[str, typer.Option(help="Layers instead of what is marked, as `run` takes them.")] = "",
    features: Annotated[str, typer.Option(help="Columns instead of what is marked, as `run` takes them.")] = "",
    prompts: Annotated[bool, typer.Option("--prompts", help="Show the whole prompts.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the components, what an LLM would be asked, and the most that it can cost; needs no key."""
    from ablations.code.asking.prompts import patch_call
    from ablations.code.source.choosing import chosen_components
    from ablations.code.source.reading import read_documents
    from cli.ablate.code.planning import estimate_of, say_cost, show_components

    documents = read_documents(files)
    say_skipped(documents)
    components = chosen_components(documents, layers=_names(layers), features=_names(features))
    estimate = estimate_of(documents, components, llm, prices, attempts=attempts, max_tokens=max_tokens)
    if as_json:
        say_json(_record(components, estimate))
        return
    show_components(components)
    say("For each one the LLM is asked for a patch that takes it away, and nothing else; --prompts shows the prompts.")
    if prompts:
        _show_prompts([patch_call(documents, component, max_tokens=max_tokens) for component in components])
    say_cost(estimate, llm, attempts)


def _names(given: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in given.split(",") if part.strip())


def _show_prompts(requests: Sequence["Request"]) -> None:
    for number, request in enumerate(requests, start=1):
        say(f"[{number} of {len(requests)}]", style="bold")
        say_document(f"{request.system}\n\n{request.messages[-1].content}")


def _record(components: Sequence["Component"], estimate: "Estimate") -> dict[str, Any]:
    return {
        "components": [
            {
                "name": part.name,
                "kind": part.kind.value,
                "file": part.file,
                "first_line": part.first_line,
                "last_line": part.last_line,
                "source": part.source,
            }
            for part in components
        ],
        "calls_at_most": estimate.calls,
        "input_tokens_at_most": estimate.usage.input_tokens,
        "output_tokens_at_most": estimate.usage.output_tokens,
        "cost_usd_at_most": estimate.cost_usd,
    }
