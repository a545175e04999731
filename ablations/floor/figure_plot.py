"""A plot of a study, as data: which figure is drawn across which factor."""

from pydantic import BaseModel, ConfigDict, Field

from ablations.floor.condition import Level


class FigurePlot(BaseModel):
    """One plot.

    Attributes:
        figure: Key of the figure on the vertical axis.
        across: The factor on the horizontal axis: to scale if its levels are numbers, side by side if they are names.
        series: The factor with a line for each level; None for one line.
        panels: The factor with a panel for each level; None for one panel.
        of: Levels of the conditions that are drawn.
        caption: What is seen; empty for one made of the above.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    figure: str
    across: str
    series: str | None = None
    panels: str | None = None
    of: dict[str, Level] = Field(default_factory=dict)
    caption: str = ""

    @property
    def file_name(self) -> str:
        """The name of the file, from what is drawn."""
        parts = [self.figure, self.across, self.series, self.panels, *(f"{name}-{of}" for name, of in self.of.items())]
        return "-by-".join(part.replace("/", "-") for part in parts if part) + ".png"
