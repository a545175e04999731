"""The options of a study: a model whose fields say what they affect, validated where they enter."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ablations.floor.errors import StudyOptionsError
from ground.names import did_you_mean, near_misses
from search.setup.scope import Scope, names_where, option

EXTENDABLE = frozenset({Scope.CELL, Scope.ARM, Scope.MODEL_ASKED, Scope.SEED})
"""Scopes of options that say which conditions there are: a study can go on with more of them."""
ELSEWHERE = frozenset({Scope.PLACE, Scope.RESOURCES, Scope.RECORD, Scope.MONEY})
"""Scopes of options that change no figure but those that are timed."""


class StudyOptions(BaseModel):
    """Base of the options of all studies; each field is declared by `option`, and is an option of the verb."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, str_strip_whitespace=True, protected_namespaces=()
    )

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds of every condition."""
        raise NotImplementedError


class SeededOptions(StudyOptions):
    """Options with a number of seeds, which follow each other."""

    seeds: int = option("Study", "number of seeds: every condition is measured with each", 5, ge=1, scope=Scope.SEED)
    seed: int = option("Study", "the first seed; the others follow it", 42, ge=0, lt=2**31, scope=Scope.SEED)

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds of every condition."""
        return tuple(range(self.seed, self.seed + self.seeds))


_Options = TypeVar("_Options", bound=BaseModel)


def make_options(model: type[_Options], given: Mapping[str, Any]) -> _Options:
    """Validate options; None in `given` means that an option was not given.

    Raises:
        StudyOptionsError: One is unknown, malformed, or contradicts another.
    """
    try:
        return model.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise StudyOptionsError(" ".join(_explain(model, dict(item)) for item in error.errors())) from None


def _explain(model: type[BaseModel], problem: Mapping[str, Any]) -> str:
    name = str(problem["loc"][0]) if problem["loc"] else ""
    said = str(problem["msg"]).removeprefix("Value error, ").rstrip(".")
    if problem["type"] == "extra_forbidden":
        hint = did_you_mean(near_misses(name, model.model_fields, most=2)).rstrip()
        return f"There is no option {name!r}: {hint or 'see --help for all options.'}"
    if not name:
        return f"{said}."
    return f"--{name.replace('_', '-')} {_clipped(problem['input'])} cannot be used: {said}."


def _clipped(value: object, longest: int = 120) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text):,} characters)"


def split_list(value: object) -> object:
    """Make a list of a text with commas, as the command line has it; for a `BeforeValidator`."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def fixed_fields(options: StudyOptions) -> dict[str, object]:
    """Return the options, as JSON, in which a study cannot change once it has begun: the figures depend on them."""
    names = names_where(type(options), lambda scope: scope not in EXTENDABLE | ELSEWHERE)
    return options.model_dump(mode="json", include=set(names))
