"""Which components of a script are ablated: those that are named, or else those that are marked."""

from collections.abc import Sequence

from ablations.code.source.annotations import Component, components_of, numbered, require_components
from ablations.code.source.documents import Documents
from ablations.code.source.errors import ComponentError
from ablations.code.source.features import features_named
from ablations.code.source.layers import layers_named


def chosen_components(
    documents: Documents, *, layers: Sequence[str] = (), zero: Sequence[str] = (), features: Sequence[str] = ()
) -> tuple[Component, ...]:
    """Return the components of a study, of which there is at least one.

    Args:
        documents: The scripts.
        layers: Names of layers.
        zero: Names of layers for which zeros stand.
        features: Names of columns.

    Raises:
        AnnotationError: Nothing is named and nothing is marked, or a mark cannot be read.
        ComponentError: A name means nothing, or several things.
    """
    if not (layers or zero or features):
        return require_components(components_of(documents), documents)
    _require_python(documents)
    found = [*layers_named(documents, [*layers, *zero]), *features_named(documents, features)]
    return numbered(list(dict.fromkeys(found)))


def zero_names(documents: Documents, zero: Sequence[str]) -> frozenset[str]:
    """Return the names of the components for which zeros stand."""
    return frozenset(found.name for found in layers_named(documents, zero))


def _require_python(documents: Documents) -> None:
    for file in documents.scripts:
        try:
            documents.tree(file)
        except SyntaxError as error:
            raise ComponentError(f"{file}:{error.lineno}: this is no Python: {error.msg}.") from None
