"""Features of a table by name: elements of a list of column names in a script."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ablations.code.source.annotations import Component, Kind, name_of
from ablations.code.source.documents import Documents
from ablations.code.source.errors import ComponentError
from ablations.code.source.region import element_region

_SHOWN = 12


@dataclass(frozen=True, slots=True)
class _Place:
    file: str
    line: int
    column: int
    text: str


def features_named(documents: Documents, names: Sequence[str]) -> tuple[Component, ...]:
    """Return the features that names mean, each as a component: `age`, or `mean *` for all that begin so.

    Raises:
        ComponentError: A name is in no list of the scripts, or in several.
    """
    places = list(_listed(documents))
    chosen = dict.fromkeys(place for name in names for place in _meant(name, places))
    return tuple(_component(documents, place) for place in chosen)


def _meant(name: str, places: Sequence[_Place]) -> list[_Place]:
    if name.endswith("*"):
        meant = [place for place in places if place.text.startswith(name.removesuffix("*"))]
    else:
        meant = [place for place in places if place.text == name]
    if not meant:
        known = list(dict.fromkeys(place.text for place in places))
        some = ", ".join(known[:_SHOWN]) + (f" … ({len(known)} in all)" if len(known) > _SHOWN else "")
        raise ComponentError(
            f"No list of the scripts has the feature {name!r}; they have: {some or 'none'}. A feature is left out "
            "of a list with the names of the columns; if the script has none, give it one."
        )
    for place in meant:
        same = [f"{other.file}:{other.line}" for other in meant if other.text == place.text]
        if len(same) > 1:
            raise ComponentError(
                f"The feature {place.text!r} is in several lists ({', '.join(same)}), and nobody says which one is "
                "meant: let the script name its columns once, or mark one of them."
            )
    return meant


def _listed(documents: Documents) -> Iterator[_Place]:
    """Yield the texts in lists and tuples of at least two texts and nothing else."""
    for file in documents.scripts:
        for node in ast.walk(documents.tree(file)):
            if isinstance(node, ast.List | ast.Tuple) and len(node.elts) > 1:
                texts = [each for each in node.elts if isinstance(each, ast.Constant) and isinstance(each.value, str)]
                if len(texts) == len(node.elts):
                    yield from (_Place(file, each.lineno, each.col_offset, str(each.value)) for each in texts)


def _component(documents: Documents, place: _Place) -> Component:
    tree = documents.tree(place.file)
    region = element_region(tree, place.line, place.column, place.file)
    last = int(getattr(region.nodes[0], "end_lineno", place.line))
    source = "\n".join(documents.texts[place.file].splitlines()[place.line - 1 : last])
    name = name_of(place.file, tree, region)
    return Component(name, place.file, place.line, last, place.line, Kind.EXPLICIT, source, place.column)
