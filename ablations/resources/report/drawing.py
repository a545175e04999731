"""All plots of the study."""

from collections.abc import Callable
from pathlib import Path

from ablations.resources.questions.findings import Findings


def draw_plots(found: Findings, folder: Path) -> tuple[tuple[str, Path], ...]:
    """Draw every plot for which there is data.

    Returns:
        The caption and the file of each plot.
    """
    from ablations.resources.report.plots.categories import draw_categories
    from ablations.resources.report.plots.costs import draw_break_even, draw_cost_per_solved
    from ablations.resources.report.plots.levels import draw_levels
    from ablations.resources.report.plots.pareto import draw_pareto

    plots: tuple[tuple[str, str, Callable[[Findings, Path], bool]], ...] = (
        ("pareto.png", "Cost and quality of every arm", draw_pareto),
        ("levels.png", "What each level of branching adds, beside independent samples", draw_levels),
        ("cost_per_solved.png", "Cost per solved task, all branches included", draw_cost_per_solved),
        ("break_even.png", "Cost per solved task over the price ratio of the models", draw_break_even),
        ("categories.png", "Tasks solved by category", draw_categories),
    )
    return tuple((f"{said}; 95 % intervals", folder / name) for name, said, draw in plots if draw(found, folder / name))
