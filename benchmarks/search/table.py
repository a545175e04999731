"""Print the standings as a table."""

from collections.abc import Sequence
from itertools import groupby

from benchmarks.search.figures import ArmFigures


def show(rows: Sequence[ArmFigures]) -> None:
    """Print one block per cell: arms by rank, then peers."""
    for (model, share), group in groupby(rows, key=lambda row: (row.model, row.share)):
        print(f"\n{model.rpartition(':')[2]} at {share} of its MACs")
        print(f"{'':24}{'test accuracy':>18}{'rank':>6}{'trials':>8}{'near':>6}{'after trials':>14}{'after s':>9}")
        for row in group:
            print(_line(row))


def _line(row: ArmFigures) -> str:
    half = row.accuracy.half_width
    accuracy = f"{row.accuracy.mean:.2%}" + ("" if half is None else f" ± {100 * half:.2f}")
    seconds = "–" if row.seconds_to_near is None else f"{row.seconds_to_near:.0f}"
    trials = "–" if row.trials_to_near is None else f"{row.trials_to_near:g}"
    if row.rank is None:
        return f"{row.name:24}{accuracy:>18}"
    near = f"{row.near}/{row.accuracy.n}"
    return f"{row.name:24}{accuracy:>18}{row.rank:>6g}{row.trials or 0:>8}{near:>6}{trials:>14}{seconds:>9}"
