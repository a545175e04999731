"""Checks whether a model's rationale for a strategy agrees with the strategy's numbers."""

import re
from collections.abc import Iterator, Sequence

from search.space.profile import SetProfile

UNIFORM_SPREAD = 2.0
"""Ratios that differ by more than this factor are not uniform."""
TOLERANCE = 0.02
"""Mean keep ratios that differ by less than this contradict no claim."""


def contradictions(rationale: str, ratios: Sequence[float], sets: Sequence[SetProfile]) -> tuple[str, ...]:
    """Claims of the rationale that the ratios contradict, each as a sentence.

    Three kinds of claim can be checked: that the cut is uniform, that early or late layers are kept or cut more than
    the others, and the ratio of a set named by its number. Clauses that negate, soften or mix claims are ignored. What
    is reported is certain, and an incoherent rationale may be missed.
    """
    found = [*_uniform(rationale, ratios), *_numbered(rationale, ratios)]
    for clause in _CLAUSES.split(rationale.lower()):
        found += _region(clause, ratios, sets)
    return tuple(dict.fromkeys(found))


_CLAUSES = re.compile(r"[.;:,()—]\s|\b(?:and|but|while|whereas|because|since|so|as)\b|[.;]$")
_HEDGED = re.compile(
    r"\b(?:not|never|no|non|without|than|nearly|almost|roughly|mostly|instead|avoid\w*|from|gentl\w*|light\w*|slight\w*"
    r"|less|little|mild\w*|moderate\w*)\b|n't\b"
)
_UNIFORM = re.compile(r"\b(?:uniform(?:ly)?|(?:the )?same (?:keep )?ratio|equal ratios?|evenly)\b")
_REGIONS = {
    "early": re.compile(r"\b(?:early|earlier|earliest|first|initial|shallow|stem)\b"),
    "late": re.compile(r"\b(?:late|later|latest|last|final|deep|deeper|deepest)\b"),
}
_KEPT = re.compile(r"\b(?:keep\w*|kept|spar(?:e|es|ed|ing)|preserv\w*|protect\w*|retain\w*|wide|wider|widest)\b")
_CUT = re.compile(r"\b(?:cut\w*|prun(?:e|es|ed|ing)|remov\w*|shrink\w*|narrow|narrower|narrowest|compress\w*)\b")
_SET = re.compile(r"\bset (\d+)\b(?!\.\d| ?%| percent| units| channels| filters| times)")
_NUMBERED = re.compile(
    r"\bset (\d+)\b(?: is| at| to|:| =| kept| keeps| keep| cut)*\s*(?:at|to|=|:)?\s*(\d+(?:\.\d+)?)(?!\.?\d)( ?%)?"
)


def _uniform(rationale: str, ratios: Sequence[float]) -> Iterator[str]:
    for clause in re.split(r"[.;,]\s", rationale.lower()):
        claimed = _UNIFORM.search(clause) and not _HEDGED.search(clause)
        if claimed and max(ratios) > UNIFORM_SPREAD * min(ratios):
            yield f"it says the ratios are uniform, and they go from {min(ratios):g} to {max(ratios):g}"


def _numbered(rationale: str, ratios: Sequence[float]) -> Iterator[str]:
    for number in _SET.findall(rationale.lower()):
        if int(number) >= len(ratios):
            yield f"it speaks of set {number}, and there are {len(ratios)}"
    for number, value, percent in _NUMBERED.findall(rationale.lower()):
        index, said = int(number), float(value) / (100 if percent else 1)
        if index < len(ratios) and ("." in value or percent) and said <= 1 and abs(said - ratios[index]) > TOLERANCE:
            yield f"it says {said:g} for set {index}, and the ratio is {ratios[index]:g}"


def _region(clause: str, ratios: Sequence[float], sets: Sequence[SetProfile]) -> Iterator[str]:
    regions = [name for name, pattern in _REGIONS.items() if pattern.search(clause)]
    kept, cut = bool(_KEPT.search(clause)), bool(_CUT.search(clause))
    if len(regions) != 1 or kept == cut or _HEDGED.search(clause):
        return
    region = regions[0]
    inside = [ratio for ratio, entry in zip(ratios, sets, strict=True) if _lies_in(region, entry.depth)]
    outside = [ratio for ratio, entry in zip(ratios, sets, strict=True) if not _lies_in(region, entry.depth)]
    if not inside or not outside:
        return
    lead = sum(inside) / len(inside) - sum(outside) / len(outside)
    if (lead if kept else -lead) < -TOLERANCE:
        said, done = ("keeps more", "less") if kept else ("cuts more", "more")
        yield f"it says it {said} of the {region} layers, and keeps {abs(lead):.2f} {done} of them than of the others"


def _lies_in(region: str, depth: float) -> bool:
    return depth <= 1 / 3 if region == "early" else depth >= 2 / 3
