"""All plots of the study."""

from collections.abc import Sequence
from pathlib import Path

from ablations.heads.plots.levels import draw_levels
from ablations.heads.plots.overview import draw_improvement, draw_summary
from ablations.heads.plots.radar import draw_radar
from ablations.heads.plots.rows import Row, Rows
from ablations.heads.plots.temperatures import draw_change_over_temperatures, draw_heatmap, draw_temperatures


def draw_plots(measured: Sequence[Row], folder: Path) -> tuple[tuple[str, Path], ...]:
    """Draw every plot.

    Args:
        measured: the rows of all conditions that were measured; failed ones are no rows.
        folder: where the files are written; it is made if needed.

    Returns:
        The caption and the file of each plot; none if nothing was measured.
    """
    if not measured:
        return ()
    folder.mkdir(parents=True, exist_ok=True)
    rows = Rows(measured)
    over_levels = (
        ("perplexity.png", "perplexity", "Held-out perplexity against the pruning level"),
        ("speed.png", "tokens_per_second", "Generation speed against the pruning level"),
        ("diversity.png", "lexical_diversity", "Lexical diversity against the pruning level"),
        ("latency.png", "first_token_latency_ms", "First-token latency against the pruning level"),
    )
    made = [(f"{text}: mean of the seeds, 95 % intervals", draw_levels(rows, figure, folder / name))
            for name, figure, text in over_levels]  # fmt: skip
    made += [
        ("All arms relative to the dense model", draw_radar(rows, folder / "radar.png")),
        ("Comprehensive summary", draw_summary(rows, folder / "comprehensive_summary.png")),
    ]
    if any(rows.change("perplexity", None, level) for level in rows.levels):
        made.append(("What agency changes", draw_improvement(rows, folder / "relative_improvement.png")))
    return (*made, *_over_temperatures(rows, folder))


def _over_temperatures(rows: Rows, folder: Path) -> list[tuple[str, Path]]:
    judged = "generation_perplexity"
    made = [
        ("Speed across temperatures", draw_temperatures(rows, "tokens_per_second", folder / "temperature_speed.png")),
        (
            "Perplexity of the generations across temperatures",
            draw_temperatures(rows, judged, folder / "temperature_perplexity.png"),
        ),
    ]
    if rows.methods:
        made += [
            (
                "What agency changes across temperatures",
                draw_change_over_temperatures(rows, judged, folder / "temperature_improvement.png"),
            ),
            (
                "What agency changes, by temperature and level",
                draw_heatmap(rows, judged, folder / "temperature_heatmap.png"),
            ),
        ]
    return made
