"""The figures of a condition: their names, units, and which direction is better."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Better(StrEnum):
    """Which direction of a figure is better."""

    LOWER = "lower"
    HIGHER = "higher"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Figure:
    """What a figure is.

    Attributes:
        name: its key in a row.
        title: what it is called in tables and plots.
        unit: its unit; empty for counts and ratios.
        better: which direction is better.
        timed: whether it is read from a clock or a meter, so that it differs from run to run.
    """

    name: str
    title: str
    unit: str
    better: Better
    timed: bool = False


_ALL = (
    Figure("perplexity", "perplexity of held-out text", "", Better.LOWER),
    Figure("generation_perplexity", "perplexity of generations", "under the dense model", Better.LOWER),
    Figure("lexical_diversity", "lexical diversity", "unique / total words", Better.HIGHER),
    Figure("repetition", "repetition within 20 words", "share of words", Better.LOWER),
    Figure("tokens_per_second", "generation speed", "tokens/s", Better.HIGHER, timed=True),
    Figure("first_token_latency_ms", "first-token latency", "ms", Better.LOWER, timed=True),
    Figure("prompt_processing_ms", "prompt processing", "ms", Better.LOWER, timed=True),
    Figure("peak_memory_mib", "peak memory", "MiB", Better.LOWER, timed=True),
    Figure("cpu_percent", "CPU", "% of a core", Better.NEITHER, timed=True),
    Figure("parameters", "parameters", "", Better.LOWER),
    Figure("heads_removed", "heads removed", "", Better.NEITHER),
    Figure("heads_acting", "heads that act", "", Better.NEITHER),
    Figure("consent_violations", "heads that act without consent", "", Better.LOWER),
    Figure("removed_volunteers", "removed heads that had withdrawn", "", Better.NEITHER),
    Figure("removed_against_consent", "removed heads that had not withdrawn", "", Better.LOWER),
)
FIGURES: Mapping[str, Figure] = {figure.name: figure for figure in _ALL}
