"""The page of what happens to networks of other people: `python -m benchmarks.field FOLDER --page FILE`."""

from collections import Counter
from collections.abc import Sequence

from benchmarks.outcome import Outcome

_HEAD = """# Models in the field

Networks of kinds that people reported trouble with elsewhere, each planned and proved, and checked on cuts that the
proof has not seen. Written by `python -m benchmarks.field FOLDER --page docs/field_models.md`.

*exact*: every channel that could be cut can be. *fixed in part*: some units stay whole, and the rest can be cut; the
share is that of the MACs that cannot be reached for all that is fixed, what the model returns among it (`profile` lists
it). *refused*: with words, and nothing was cut. The tests that hold the right values are in `tests/pruning/`
(`test_operations.py`, `test_reach.py`, `test_values.py`, `test_settling.py`).

"""


def page(ends: Sequence[Outcome]) -> str:
    """The page: a line with the counts, and a row for each network."""
    counts = Counter(_word(end).partition(",")[0] for end in ends)
    told = ", ".join(f"{number} {word}" for word, number in counts.items())
    rows = [f"| `{end.network}` | {_word(end)} | {_groups(end)} | {_what(end)} |" for end in ends]
    table = "\n".join(
        ["| network | what happens | groups | what is fixed, or why it is refused |", "|---|---|--:|---|", *rows]
    )
    return f"{_HEAD}{len(ends)} networks: {told}.\n\n{table}\n"


def _word(end: Outcome) -> str:
    if end.status != "exact":
        return end.status
    return f"fixed in part, {end.share:.1%}" if end.fixed else "exact"


def _groups(end: Outcome) -> str:
    return str(end.groups) if end.status == "exact" else "–"


def _what(end: Outcome) -> str:
    text = "; ".join(end.fixed[:2]) + ("; …" if len(end.fixed) > 2 else "") if end.status == "exact" else end.text
    return " ".join(text.replace("|", "\\|").split()).replace("<", "&lt;")
