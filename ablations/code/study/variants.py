"""The variants of a script, which with the seeds make the grid: original, null, one per component, and pairs."""

from collections.abc import Mapping, Sequence

from ablations.code.direct.factorial import design
from ablations.code.study.options import CodeOptions
from ablations.code.trials.baselines import NULL, ORIGINAL
from ablations.floor.condition import Condition, Level

VARIANT = "variant"
_BOTH = " + "


def variants(options: CodeOptions) -> Mapping[str, tuple[str, ...]]:
    """Return the components that go away in each variant, by its name.

    Raises:
        CodeStudyError: Nothing is marked or named, or there is no pair.
    """
    names = [component.name for component in options.material.components]
    found: dict[str, tuple[str, ...]] = {ORIGINAL: (), NULL: ()}
    found.update({name: (name,) for name in names})
    if options.interactions:
        pairs = [cell for cell in design(names) if len(cell) == 2]
        found.update(
            {pair_name(*sorted(cell, key=names.index)): tuple(sorted(cell, key=names.index)) for cell in pairs}
        )
    return found


def pair_name(first: str, second: str) -> str:
    """Return the name of the variant without two components."""
    return f"{first}{_BOTH}{second}"


def pairs_of(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return all pairs, in order."""
    return [(first, second) for number, first in enumerate(names) for second in names[number + 1 :]]


def conditions(options: CodeOptions) -> tuple[Condition, ...]:
    """Return every variant with every seed; without isolation, each says so."""
    marks: dict[str, Level] = {"sandbox": "none"} if options.sandbox == "none" else {}
    return tuple(
        Condition(factors={VARIANT: name, **marks}, seed=seed)
        for name in variants(options)
        for seed in options.all_seeds
    )
