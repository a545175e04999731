"""What plots show: means over seeds at their places, in the units of the figure, and nothing that was not measured."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure as Drawing

from ablations.floor.condition import Condition
from ablations.floor.figure import Direction, Figure
from ablations.floor.figure_plot import FigurePlot
from ablations.floor.plots import default_plots, draw_figure_plots
from ablations.floor.results import Outcome, Results

SHARE = Figure(key="share", title="Share", better=Direction.HIGHER, unit="%", scale=100)
OTHER = Figure(key="other", title="Other", better=Direction.LOWER)


def grid() -> Results:
    """Two arms over three levels with two seeds; a dense arm without a level; one failure."""
    rows = [
        Outcome(Condition(factors={"arm": arm, "level": level}, seed=seed), {"share": base + level / 100 + seed / 10})
        for arm, base in (("a", 0.1), ("b", 0.4))
        for level in (0, 10, 30)
        for seed in (0, 1)
    ]
    rows[0] = Outcome(rows[0].condition, error="planted")
    dense = [Outcome(Condition(factors={"arm": "dense"}, seed=seed), {"share": 0.7}) for seed in (0, 1)]
    return Results((*rows, *dense))


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Drawing]]:
    """The drawings that are made, kept open."""
    kept: list[Drawing] = []
    close = plt.close
    monkeypatch.setattr("ablations.floor.plots.plt.close", kept.append)
    yield kept
    for drawing in kept:
        close(drawing)


def draw(folder: Path, **fields: object) -> tuple[tuple[str, Path], ...]:
    plot = FigurePlot.model_validate({"figure": "share", "across": "level", **fields})
    return draw_figure_plots([plot], [SHARE, OTHER], grid(), folder)


def test_a_series_shows_the_means_of_its_seeds_in_the_unit_of_the_figure(
    tmp_path: Path, drawings: list[Drawing]
) -> None:
    ((caption, file),) = draw(tmp_path, series="arm")
    assert "(higher is better)" in caption
    assert file.stat().st_size > 5000
    (axes,) = drawings[0].axes
    bars = [container for container in axes.containers if isinstance(container, ErrorbarContainer)]
    means = {bar.get_label(): np.asarray(bar.lines[0].get_ydata()) for bar in bars}
    assert list(means["b"]) == pytest.approx([45.0, 55.0, 75.0])
    assert list(means["a"]) == pytest.approx([20.0, 25.0, 45.0]), "of the seed that did not fail"
    assert axes.get_ylabel() == "Share (%)"
    across = next(line for line in axes.lines if line.get_label() == "dense")
    assert list(np.asarray(across.get_ydata())) == pytest.approx([70.0, 70.0]), "what has no level applies to all"


def test_what_is_named_stands_side_by_side_in_its_panels(tmp_path: Path, drawings: list[Drawing]) -> None:
    draw(tmp_path, across="arm", panels="level", of={"arm": "a"})
    assert [axes.get_title(loc="left") for axes in drawings[0].axes] == ["level 0", "level 10", "level 30"]
    assert [label.get_text() for label in drawings[0].axes[0].get_xticklabels()] == ["a"]


def test_what_was_not_measured_is_not_drawn(tmp_path: Path) -> None:
    assert draw(tmp_path, figure="other") == ()
    assert draw(tmp_path, of={"arm": "nobody"}) == ()
    assert list(tmp_path.iterdir()) == []


def test_without_a_wish_each_figure_is_drawn_across_the_numbers() -> None:
    plots = default_plots([SHARE, OTHER], grid())
    assert [(plot.figure, plot.across, plot.series) for plot in plots] == [
        ("share", "level", "arm"),
        ("other", "level", "arm"),
    ]
    assert default_plots([SHARE], Results(grid().outcomes[:2])) == ()
