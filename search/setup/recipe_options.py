"""Options for every field of the recipes: of the fine-tune, of a base that is trained here, and of the trials' proxy.

They are made from the recipes' own fields, so that a new field is an option of all three, with its text and its limits.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, get_origin

from pydantic import BaseModel, BeforeValidator, Field, create_model
from pydantic.fields import FieldInfo

from search.setup.scope import Scope, option
from trainers.recipe import ProxyRecipe, Recipe

FINETUNE, BASE, PROXY = "", "base_", "proxy_"
"""What the names of the three groups begin with."""

_ONLY_OF_A_FINETUNE = frozenset(
    {"distill", "distill_weight", "distill_temperature", "teacher_precision", "train_on_holdout"}
)
"""The unpruned model has no teacher, and what it is scored on stays apart."""
_PROXY_EPOCHS = "epochs"


def _options(model: type[BaseModel], prefix: str, panel: str, scope: Scope, without: frozenset[str]) -> dict[str, Any]:
    fields = {name: field for name, field in model.model_fields.items() if name not in without}
    return {
        prefix + name: (_annotation(field) | None, option(panel, _text(name, field), scope=scope))
        for name, field in fields.items()
    }


def _annotation(field: FieldInfo) -> Any:
    """The field's type with its limits; a list may be written with commas."""
    limits = [*field.metadata, *([BeforeValidator(_listed)] if get_origin(field.annotation) is tuple else [])]
    return Annotated[field.annotation, *limits] if limits else field.annotation


def _text(name: str, field: FieldInfo) -> str:
    described = field.description or name
    return f"{described}; default: the recipe of model and data" if name == "optimizer" else described


def _listed(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def _all_options() -> dict[str, Any]:
    return {
        **_options(Recipe, FINETUNE, "Fine-tune", Scope.RECIPE, frozenset()),
        **_options(Recipe, BASE, "Base that is trained here", Scope.TERM, _ONLY_OF_A_FINETUNE),
        PROXY + _PROXY_EPOCHS: (
            Annotated[int, Field(ge=1)] | None,
            option("Trials", "epochs of a trial: rungs at a quarter, a half and all of them", scope=Scope.TERM),
        ),
        **_options(ProxyRecipe, PROXY, "Trials", Scope.TERM, frozenset()),
    }


if TYPE_CHECKING:

    class RecipeOptions(BaseModel):
        """One field for each field of each recipe; None leaves it to the recipe."""

        proxy_epochs: int | None = None
        proxy_rungs: tuple[int, ...] | None = None

else:
    RecipeOptions = create_model("RecipeOptions", **_all_options())


def changes_of(options: BaseModel, prefix: str) -> dict[str, Any]:
    """The fields of a recipe that are set, by their names there.

    Args:
        options: the configuration.
        prefix: of the group.
    """
    recipe = ProxyRecipe if prefix == PROXY else Recipe
    names = {name: prefix + name for name in recipe.model_fields if prefix + name in type(options).model_fields}
    given = {name: getattr(options, own) for name, own in names.items()}
    return {name: value for name, value in given.items() if value is not None} | _rungs_of(options, prefix, given)


def _rungs_of(options: BaseModel, prefix: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The rungs that a number of epochs means, where no rungs are given."""
    epochs = getattr(options, PROXY + _PROXY_EPOCHS, None) if prefix == PROXY else None
    if epochs is None or given.get("rungs") is not None:
        return {}
    return {"rungs": tuple(sorted({max(1, epochs // 4), max(1, epochs // 2), epochs}))}
