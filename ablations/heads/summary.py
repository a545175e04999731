"""The table that fits on a screen: every arm at every level, over all criteria and temperatures."""

from collections.abc import Iterable
from dataclasses import replace

from ablations.floor.table import Column, Table
from ablations.heads.conditions import Arm, whole
from ablations.heads.figures import FIGURES
from ablations.heads.plots.rows import Rows

_SHOWN = ("perplexity", "generation_perplexity", "lexical_diversity", "repetition", "tokens_per_second")
_TITLES = {"perplexity": "Perplexity", "generation_perplexity": "of generations", "lexical_diversity": "Diversity",
           "repetition": "Repetition", "tokens_per_second": "Tokens/s"}  # fmt: skip


def summary_table(rows: Rows) -> Table:
    """Make the table: within a seed criteria and temperatures are averaged, then the mean over seeds is taken."""
    return Table(
        key="summary",
        title="Every arm at every level: mean ± 95 % t-interval over seeds",
        columns=(
            *(Column("arm", "Arm"), Column("level", "Removed", "%", digits=0)),
            *(replace(FIGURES[key].column, title=_TITLES[key], unit="") for key in _SHOWN),
        ),
        rows=tuple(
            (arm.value, whole(level), *(rows.estimated(key, arm, None, level) for key in _SHOWN))
            for arm, level in _cells(rows)
        ),
    )


def _cells(rows: Rows) -> Iterable[tuple[Arm, float]]:
    return ((arm, level) for arm in Arm for level in rows.levels if rows.by_seed("perplexity", arm, None, level))
