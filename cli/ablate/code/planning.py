"""The plan of a study of a script, as `plan` shows it and `run` does before it begins: components, calls, cost."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli.console import say, show_table

if TYPE_CHECKING:
    from ablations.code.asking.estimate import Estimate
    from ablations.code.source.annotations import Component
    from ablations.code.source.documents import Documents
    from llm_clients.prices import Price

_SHOWN = 60
_TEXT = ("component", "kind", "file", "lines", "source")


def estimate_of(
    documents: "Documents",
    components: Sequence["Component"],
    llm: str | None,
    prices: Path | None,
    *,
    attempts: int,
    max_tokens: int,
) -> "Estimate":
    """Return the most that the patches of all components can use and cost; nothing is connected."""
    from ablations.code.asking.estimate import patches_at_most

    price = _price(llm, prices)
    return patches_at_most(documents, components, attempts=attempts, max_tokens=max_tokens, price=price)


def show_components(components: Sequence["Component"]) -> None:
    """Show the components in a table."""
    rows = [[part.name, part.kind.value, part.file, _lines(part), _first_line(part)] for part in components]
    show_table("Components", _TEXT, rows, text=_TEXT)


def say_cost(estimate: "Estimate", llm: str | None, attempts: int) -> None:
    """Say what all calls use and cost at most."""
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


def _price(llm: str | None, prices: Path | None) -> "Price | None":
    """The price of a model by its name alone."""
    from llm_clients.prices import Price, load_prices
    from llm_clients.scripted.script import load_script

    if llm is None:
        return None
    service, _, name = llm.partition(":")
    if service == "scripted":
        script = load_script(Path(name))
        return Price(0.0, 0.0) if script.price is None else script.price.price()
    return load_prices(prices).price(name if service in ("anthropic", "openai", "openrouter") and name else llm)


def _lines(part: "Component") -> str:
    return str(part.first_line) if part.first_line == part.last_line else f"{part.first_line}-{part.last_line}"


def _first_line(part: "Component") -> str:
    line = part.source.strip().splitlines()[0].partition("#ABLATABLE")[0].strip()
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
