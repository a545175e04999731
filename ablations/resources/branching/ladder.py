"""The temperature of an attempt: that of the samples, and a rung more on each level of the tree."""

from ablations.resources.arms.places import Place

STEP = 0.1
HIGHEST = 1.5
"""Beyond, models write noise; the ladder does not lead there, whatever the samples have."""


def temperature_of(place: Place, base: float) -> float:
    """Return the temperature of an attempt, given that of the samples. Whether a model takes it is for its server."""
    return base if place.level == 0 else round(max(base, min(HIGHEST, base + STEP * place.level)), 3)
