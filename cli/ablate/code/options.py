"""What the verbs of `ablate code` have in common: their options, and the client that they ask."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ablations.code.asking.models import model_name
from ablations.code.source.documents import Documents
from cli.console import say, say_aside

if TYPE_CHECKING:
    from llm_clients.client import LLMClient
    from llm_clients.request import Completion

DocumentsOption = Annotated[
    list[Path] | None, typer.Option("--document", "-d", help="A file, or a folder with all its files. Can be repeated.")
]
LlmOption = Annotated[
    str | None, typer.Option("--llm", help="The model: claude-…, gpt-…, ollama:…, scripted:FILE; instead of -a and -m.")
]
VendorOption = Annotated[str | None, typer.Option("--api", "-a", help="anthropic or openai, with -m.")]
ModelOption = Annotated[str | None, typer.Option("--model", "-m", help="The vendor's name of the model, with -a.")]
MaxCostOption = Annotated[float | None, typer.Option("--max-cost", help="Most US dollars to spend.")]
PricesOption = Annotated[Path | None, typer.Option("--prices", help="JSON file of prices, over the shipped ones.")]
MaxTokensOption = Annotated[int, typer.Option("--max-tokens", min=1, help="Most tokens of an answer.")]
FolderOption = Annotated[Path, typer.Option("--outputs", help="Folder of the raw answers.")]


def client_of(
    llm: str | None, vendor: str | None, model: str | None, max_cost: float | None, prices: Path | None
) -> "LLMClient":
    """Connect the model that was named, with its limit. An answer that does not fit is not sent back by the client."""
    from llm_clients.options import ClientOptions
    from llm_clients.prices import load_prices
    from llm_clients.registry import connect
    from llm_clients.spend_limit import SpendLimit

    limit = SpendLimit(max_cost_usd=max_cost)
    return connect(
        model_name(llm, vendor, model), options=ClientOptions(budget=limit, reasks=0), prices=load_prices(prices)
    )


def say_skipped(documents: Documents) -> None:
    """Name what was found in the folders and is no document."""
    for skipped in documents.skipped:
        say_aside(f"left out: {skipped.path} ({skipped.reason})")


def say_template(template: str | None) -> None:
    """Say what becomes of a chat template."""
    if template:
        say_aside(f"The chat template {template!r} is kept with the answer; the model's own server applies its own.")


def say_answer(completion: "Completion", path: Path) -> None:
    """Say where an answer is, and what it cost."""
    usage, cost = completion.usage, completion.cost_usd
    tokens = "tokens not counted" if usage is None else f"{usage.total:,} tokens"
    say(f"answer   {path}")
    say(f"cost     {'not known' if cost is None else f'${cost:.4f}'} ({tokens}, {completion.model})")
