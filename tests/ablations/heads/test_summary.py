"""The table for a screen."""

import pytest

from ablations.floor.statistics import Estimate
from ablations.heads.plots.rows import Rows
from ablations.heads.summary import summary_table
from tests.ablations.heads.test_plots import rows


def test_it_has_every_arm_at_every_level_and_averages_the_rest() -> None:
    table = summary_table(Rows(rows()))
    assert [row[:2] for row in table.rows] == [
        ("dense", 0), ("pruned", 0), ("pruned", 50), ("pruned-agency", 0), ("pruned-agency", 50), ("agency", 0),
    ]  # fmt: skip
    shown = {row[:2]: row[2] for row in table.rows}
    perplexity = shown["pruned", 50]
    assert isinstance(perplexity, Estimate)
    assert perplexity.mean == pytest.approx(225.75), "temperatures 1 and 2, seeds 0 and 1"
    assert perplexity.n == 2
