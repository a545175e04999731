"""The verb `ablate code plan`: what will be ablated, what the LLM would be asked, and the most that it can cost."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ablations.code.asking.prompts import MAX_TOKENS
from cli.ablate.code.options import LlmOption, MaxTokensOption, PricesOption, say_skipped
from cli.console import say, say_document, say_json, show_table
from cli.option_types import JsonOption

if TYPE_CHECKING:
    from ablations.code.asking.estimate import Estimate
    from ablations.code.source.annotations import Component
    from llm_clients.prices import Price
    from llm_clients.request import Request

_SHOWN = 60


def command(
    files: Annotated[list[Path], typer.Argument(help="Scripts, and folders of them.")],
    llm: LlmOption = None,
    attempts: Annotated[int, typer.Option(min=1, help="Most patches to ask for per component.")] = 3,
    max_tokens: MaxTokensOption = MAX_TOKENS,
    prices: PricesOption = None,
    prompts: Annotated[bool, typer.Option("--prompts", help="Show the whole prompts.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the marked components, what an LLM would be asked, and the most that it can cost; needs no key."""
    from ablations.code.asking.estimate import at_most
    from ablations.code.asking.prompts import COMPLAINT_LENGTH, patch_call
    from ablations.code.source.annotations import components_of, require_components
    from ablations.code.source.reading import read_documents

    documents = read_documents(files)
    say_skipped(documents)
    components = require_components(components_of(documents), documents)
    requests = [patch_call(documents, component, max_tokens=max_tokens) for component in components]
    complaint = "x" * COMPLAINT_LENGTH
    again = [patch_call(documents, part, complaint=complaint, max_tokens=max_tokens) for part in components]
    estimate = at_most([*requests, *again * (attempts - 1)], _price(llm, prices))
    if as_json:
        say_json(_record(components, estimate))
        return
    _show(components)
    if prompts:
        _show_prompts(requests)
    _show_cost(estimate, llm, attempts)


def _price(llm: str | None, prices: Path | None) -> "Price | None":
    """The price of a model by its name alone: nothing is connected."""
    from llm_clients.prices import Price, load_prices
    from llm_clients.scripted.script import load_script

    if llm is None:
        return None
    service, _, name = llm.partition(":")
    if service == "scripted":
        script = load_script(Path(name))
        return Price(0.0, 0.0) if script.price is None else script.price.price()
    return load_prices(prices).price(name if service in ("anthropic", "openai", "openrouter") and name else llm)


def _show(components: Sequence["Component"]) -> None:
    rows = [[part.name, part.kind.value, part.file, _lines(part), _first_line(part)] for part in components]
    show_table("Components", ("component", "kind", "file", "lines", "source"), rows, text=_TEXT)
    say("For each one the LLM is asked for a patch that takes it away, and nothing else; --prompts shows the prompts.")


_TEXT = ("component", "kind", "file", "lines", "source")


def _show_prompts(requests: Sequence["Request"]) -> None:
    for number, request in enumerate(requests, start=1):
        say(f"[{number} of {len(requests)}]", style="bold")
        say_document(f"{request.system}\n\n{request.messages[-1].content}")


def _show_cost(estimate: "Estimate", llm: str | None, attempts: int) -> None:
    usage = estimate.usage
    asked = f"at most {estimate.calls} calls ({attempts} per component)"
    tokens = f"{usage.input_tokens:,} tokens of input and {usage.output_tokens:,} of output"
    if estimate.cost_usd is not None:
        cost = f"${estimate.cost_usd:.4f} with {llm}"
    elif llm is None:
        cost = "name a model with --llm for the cost"
    else:
        cost = f"the price of {llm} is not known; give it with --prices FILE"
    say(f"{asked}, {tokens}: {cost}")


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


def _lines(part: "Component") -> str:
    return str(part.first_line) if part.first_line == part.last_line else f"{part.first_line}-{part.last_line}"


def _first_line(part: "Component") -> str:
    line = part.source.strip().splitlines()[0].partition("#ABLATABLE")[0].strip()
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
