"""How faults are planted: edits of a whole script, of a component's own lines, and statements put in its place."""

import re
from collections.abc import Iterator

from benchmarks.gates.scripts import MARK, Good, component_of, original

Planted = Iterator[tuple[str, str]]
"""Labels and whole scripts."""


def text_of(good: Good) -> str:
    """Return the original script."""
    return original(good.script).texts[good.script]


def edited(text: str, *edits: tuple[str, str]) -> Planted:
    """One script for each edit whose old text is there once."""
    for old, new in edits:
        if text.count(old) == 1:
            yield f"{old.strip()[:40]} -> {new.strip()[:60]}", text.replace(old, new)


def of_own(good: Good, *edits: tuple[str, str]) -> Planted:
    """One script for each edit of the component's own lines in the original."""
    source = component_of(good).source
    yield from edited(text_of(good), *((old, new) for old, new in edits if old in source))


def in_place(good: Good, *statements: str) -> Planted:
    """One script for each statement, put behind what stands in the component's place."""
    if not good.place:
        return
    place = good.place.rstrip("\n")
    indent = re.match(r" *", place)[0]  # type: ignore[index]
    for statement in statements:
        more = "\n".join(indent + line for line in statement.splitlines())
        for old in (place + MARK + "\n", place + "\n"):
            if good.text.count(old) == 1:
                yield f"in place: {statement.splitlines()[0][:60]}", good.text.replace(old, f"{place}\n{more}\n")
                break
