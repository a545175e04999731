"""The table of what the LLM was asked for: attempts, outcomes and cost of each component."""

from collections.abc import Mapping, Sequence

from ablations.code.summary.attempts import Attempt
from ablations.floor.table import Column, Table, Value


def attempts_table(attempts: Mapping[str, Sequence[Attempt]]) -> Table:
    """Make the table with one row per component, and one for all together."""
    rows = [_row(name, several) for name, several in attempts.items()]
    everything = [attempt for several in attempts.values() for attempt in several]
    if len(rows) > 1:
        rows.append(("all", len(everything), _accepted(attempts), *_spent(everything), None))
    unknown = sum(attempt.cost_usd is None for attempt in everything)
    return Table(
        key="attempts",
        title="Patches that a language model wrote",
        columns=(
            *(Column("component", "Component"), Column("attempts", "Attempts"), Column("accepted", "Accepted")),
            *(Column("tokens", "Tokens"), Column("cost_usd", "Cost", "USD", digits=4)),
            Column("reason", "The last one"),
        ),
        rows=tuple(rows),
        notes=(f"The cost of {unknown} attempts is not known, and not counted.",) if unknown else (),
    )


def _row(name: str, attempts: Sequence[Attempt]) -> tuple[Value, ...]:
    last = attempts[-1]
    reason = "accepted" if last.accepted else f"refused: {last.reason or last.outcome}"
    return (name, len(attempts), "yes" if last.accepted else "no", *_spent(attempts), reason)


def _accepted(attempts: Mapping[str, Sequence[Attempt]]) -> str:
    return f"{sum(several[-1].accepted for several in attempts.values())} of {len(attempts)}"


def _spent(attempts: Sequence[Attempt]) -> tuple[int | None, float | None]:
    tokens = [attempt.all_tokens for attempt in attempts if attempt.all_tokens is not None]
    costs = [attempt.cost_usd for attempt in attempts if attempt.cost_usd is not None]
    return sum(tokens) if tokens else None, sum(costs) if costs else None
