"""The plots: what they show, from a plain list of rows."""

from pathlib import Path

import pytest

from ablations.floor.condition import Condition
from ablations.heads.conditions import Arm, conditions
from ablations.heads.figures import FIGURES
from ablations.heads.options import HeadsOptions
from ablations.heads.plots.drawing import draw_plots
from ablations.heads.plots.radar import relative
from ablations.heads.plots.rows import Row, Rows

PNG = b"\x89PNG\r\n\x1a\n"


def rows(seeds: int = 2) -> list[Row]:
    """Every figure is 100 + level + seed, minus 10 with agency, times the temperature."""
    options = HeadsOptions(temperatures=(1, 2), pruning_levels=(0, 50), seed=0, seeds=seeds)
    return [Row(one.factors, one.seed, dict.fromkeys(FIGURES, _value(one))) for one in conditions(options)]


def _value(condition: Condition) -> float:
    level, temperature = condition.factors["level"], condition.factors["temperature"]
    assert not isinstance(level, str)
    assert not isinstance(temperature, str)
    agency = "agency" in str(condition.factors["arm"])
    return (100 + level + condition.seed - 10 * agency) * temperature


def test_a_seeds_rows_are_averaged_before_seeds_are() -> None:
    found = Rows(rows())
    assert found.by_seed("perplexity", Arm.PRUNED, "random", 50) == {0: 225, 1: 226.5}
    assert found.by_seed("perplexity", Arm.PRUNED, None, 50, temperature=1) == {0: 150, 1: 151}
    mean = found.estimated("perplexity", Arm.PRUNED, "random", 50)
    assert mean is not None
    assert (mean.mean, mean.n) == (225.75, 2)
    assert found.estimated("perplexity", Arm.PRUNED, "random", 30) is None


def test_level_zero_belongs_to_every_criterion() -> None:
    found = Rows(rows())
    assert found.by_seed("perplexity", Arm.PRUNED, "random", 0, 1) == {0: 100, 1: 101}
    assert found.levels == [0, 50]
    assert found.methods == ["entropy", "random", "magnitude"]


def test_change_is_paired_by_seed() -> None:
    change = Rows(rows()).change("perplexity", "entropy", 50, 1)
    assert change is not None
    assert change.mean == pytest.approx(-100 * (10 / 150 + 10 / 151) / 2)
    assert Rows([row for row in rows() if row.seed or row.factors["arm"] != Arm.PRUNED]).change(
        "perplexity", "entropy", 50, 1
    ) == pytest.approx(type(change)(-1000 / 151, None, None, 1))


def test_further_out_is_better() -> None:
    found = Rows(rows(1))
    assert relative(found, "tokens_per_second", Arm.PRUNED, 50) == pytest.approx(1.5)
    assert relative(found, "perplexity", Arm.PRUNED, 50) == pytest.approx(1 / 1.5)


@pytest.mark.parametrize("seeds", [1, 2])
def test_every_plot_is_drawn(tmp_path: Path, seeds: int) -> None:
    made = draw_plots(rows(seeds), tmp_path / "plots")
    assert {path.stem for _, path in made} == {
        *("perplexity", "speed", "diversity", "latency", "radar", "comprehensive_summary", "relative_improvement"),
        *("temperature_speed", "temperature_perplexity", "temperature_improvement", "temperature_heatmap"),
    }
    assert all(path.read_bytes().startswith(PNG) for _, path in made)
    assert all(caption for caption, _ in made)


def test_what_there_is_is_drawn(tmp_path: Path) -> None:
    assert draw_plots([], tmp_path) == ()
    dense = [row for row in rows() if row.factors["arm"] == Arm.DENSE]
    assert len(draw_plots(dense, tmp_path)) == 8
