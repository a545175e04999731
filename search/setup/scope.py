"""The scope of an option: what its value affects, and therefore which runs may differ in it.

Each field of the configuration declares its scope. Comparisons, resumes and replays derive their lists of options from
it.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo


class Scope(StrEnum):
    """What the value of an option affects."""

    CELL = "cell"
    """The model, the dataset and the target. Runs are compared only if these are equal."""
    ARM = "arm"
    """Which arm proposes, and how it asks."""
    MODEL_ASKED = "model asked"
    """Which language model an arm asks, and which server it is on."""
    SEED = "seed"
    """The seed of everything random. Arms are compared on several seeds."""
    TERM = "term"
    """A term of comparison. Arms are ranked only if these are equal."""
    RECIPE = "recipe"
    """How the winner is fine-tuned; also a term of comparison."""
    MONEY = "money"
    """How much an LLM may cost, and its prices. This may end a search, but does not change it otherwise."""
    PLACE = "place"
    """On which machines the run is executed, and with how many workers. May change when a run is resumed."""
    RESOURCES = "resources"
    """The CPUs and GPUs of one trial or one worker."""
    RECORD = "record"
    """Where the run is recorded."""

    @property
    def is_term(self) -> bool:
        """Whether arms may be ranked only if options of this scope are equal."""
        return self in (Scope.TERM, Scope.RECIPE)


def option(
    panel: str,
    text: str,
    default: Any = None,
    *,
    scope: Scope = Scope.TERM,
    shown: str | None = None,
    flag: str | None = None,
    **constraints: Any,
) -> Any:
    """Declare a field with its help text, its panel in the help, its scope, and its default as the help shows it.

    Its option on the command line is `flag`, where that is not the field's own name.
    """
    extra: JsonDict = {"panel": panel, "scope": scope.value}
    if shown is not None:
        extra["shown"] = shown
    if flag is not None:
        extra["flag"] = flag
    return Field(default=default, description=text, json_schema_extra=extra, **constraints)


def scope_of(field: FieldInfo) -> Scope:
    """Return the scope that a field of a configuration declares.

    Raises:
        KeyError: The field declares none.
    """
    extra = field.json_schema_extra
    assert isinstance(extra, dict), "options are declared by `option`"
    return Scope(str(extra["scope"]))


def names_where(model: type[BaseModel], condition: Callable[[Scope], bool]) -> tuple[str, ...]:
    """Return the names of the fields of a configuration whose scope fulfils a condition, in their order."""
    return tuple(name for name, field in model.model_fields.items() if condition(scope_of(field)))
