"""The figures of a condition: their names, units, and which values are better."""

from collections.abc import Mapping

from ablations.floor.figure import Direction, Figure

_LOWER, _HIGHER = Direction.LOWER, Direction.HIGHER
_ALL = (
    Figure(key="perplexity", title="Perplexity of held-out text", better=_LOWER, digits=2),
    Figure(key="generation_perplexity", title="Perplexity of generations", better=_LOWER, digits=2),
    Figure(key="lexical_diversity", title="Lexical diversity", unit="unique/total words", better=_HIGHER),
    Figure(key="repetition", title="Repetition within 20 words", unit="share of words", better=_LOWER),
    Figure(key="tokens_per_second", title="Generation speed", unit="tokens/s", better=_HIGHER, digits=1, timed=True),
    Figure(key="first_token_latency_ms", title="First-token latency", unit="ms", better=_LOWER, digits=2, timed=True),
    Figure(key="prompt_processing_ms", title="Prompt processing", unit="ms", better=_LOWER, digits=2, timed=True),
    Figure(key="peak_memory_mib", title="Peak memory", unit="MiB", better=_LOWER, digits=0, timed=True),
    Figure(key="cpu_percent", title="CPU", unit="% of a core", better=None, digits=0, timed=True),
    Figure(key="parameters", title="Parameters", better=_LOWER, digits=0),
    Figure(key="heads_removed", title="Heads removed", better=None, digits=0),
    Figure(key="heads_acting", title="Heads that act", better=None, digits=0),
    Figure(key="consent_violations", title="Heads that act without consent", better=_LOWER, digits=0),
    Figure(key="removed_volunteers", title="Removed heads that had withdrawn", better=None, digits=0),
    Figure(key="removed_against_consent", title="Removed heads that had not withdrawn", better=_LOWER, digits=0),
)
FIGURES: Mapping[str, Figure] = {figure.key: figure for figure in _ALL}
