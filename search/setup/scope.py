"""What the value of an option changes, said once beside each field: who may differ in it follows from this."""

from collections.abc import Callable
from enum import StrEnum

from pydantic import BaseModel
from pydantic.fields import FieldInfo


class Scope(StrEnum):
    """The nature of an option."""

    CELL = "cell"
    """What is pruned, on what, to which target: runs are compared only where these are equal."""
    ARM = "arm"
    """Who proposes, and how its questions are worded."""
    MODEL_ASKED = "model asked"
    """Which model an arm asks, and where it is served."""
    SEED = "seed"
    """Of everything random: arms are compared on several."""
    TERM = "term"
    """A term of comparison: arms are ranked only where these are equal."""
    RECIPE = "recipe"
    """A term of comparison, too: how the winner is fine-tuned."""
    MONEY = "money"
    """What may be spent, and at which prices; it ends a search or does not change it."""
    PLACE = "place"
    """On which machines the run takes place, and with how many workers; another may be named when it is resumed."""
    RESOURCES = "resources"
    """What one trial or one worker has of its machine."""
    RECORD = "record"
    """Where the run is written down."""

    @property
    def is_term(self) -> bool:
        """Whether arms may be ranked only where options of this scope are equal."""
        return self in (Scope.TERM, Scope.RECIPE)


def scope_of(field: FieldInfo) -> Scope:
    """The scope that a field of a configuration was declared with. Raises KeyError for one without."""
    extra = field.json_schema_extra
    assert isinstance(extra, dict), "options are declared by `_option`"
    return Scope(str(extra["scope"]))


def names_where(model: type[BaseModel], holds: Callable[[Scope], bool]) -> tuple[str, ...]:
    """The names of a configuration's fields whose scope fulfils a condition, in their order."""
    return tuple(name for name, field in model.model_fields.items() if holds(scope_of(field)))
