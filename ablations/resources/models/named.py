"""Which models are compared, as the user names them: `large=ollama:codellama,small=ollama:tinyllama`."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ablations.resources.models.errors import ModelNamesError
from llm_clients.registry import EXAMPLES

LARGE, SMALL = "large", "small"
_EXAMPLE = "--models large=ollama:codellama,small=ollama:tinyllama"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")
_NEXT = re.compile(r",(?=[^,=]*=)")  # a comma that no NAME= follows belongs to the model, as in a path


class NamedModel(NamedTuple):
    """A model and its name in this study.

    Attributes:
        name: as in tables and plots.
        llm: as `llm_clients.registry.connect` takes it.
    """

    name: str
    llm: str


def named_models(
    models: str | None = None, *, large: str | None = None, small: str | None = None
) -> tuple[NamedModel, ...]:
    """Read the options, in the order `--large`, `--small`, `--models`.

    Args:
        models: NAME=MODEL, several separated by commas.
        large: short for `large=MODEL`.
        small: short for `small=MODEL`.

    Raises:
        ModelNamesError: nothing is named, a name cannot be one, or it is given twice.
    """
    given = [(name, llm) for name, llm in ((LARGE, large), (SMALL, small)) if llm is not None]
    found: dict[str, NamedModel] = {}
    for name, llm in (*given, *(() if models is None else _split(models))):
        if name in found:
            raise ModelNamesError(
                f"Two models have the name {name!r}: {found[name].llm!r} and {llm!r}. Give each its own name, as in "
                f"{_EXAMPLE},other={llm}."
            )
        if not llm.strip():
            raise ModelNamesError(f"The model {name!r} is empty. Names that would work: {EXAMPLES}.")
        found[name] = NamedModel(name, llm.strip())
    if not found:
        raise ModelNamesError(f"No model was named. Name at least two, as in {_EXAMPLE}; others by any NAME=.")
    return tuple(found.values())


def _split(models: str) -> Iterator[tuple[str, str]]:
    for part in _NEXT.split(models):
        name, equals, llm = part.partition("=")
        name = name.strip()
        if not equals or not _NAME.fullmatch(name):
            raise ModelNamesError(
                f"--models holds {part!r}, where NAME=MODEL is needed: a name of letters, digits, '_', '.' and '-' "
                f"that begins with a letter, then a model. That would be {_EXAMPLE}."
            )
        yield name, llm
