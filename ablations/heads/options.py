"""What a user can choose about the heads study."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from ablations.floor.options import SeededOptions, split_list
from ablations.heads.importance.registry import IMPORTANCES
from search.setup.scope import Scope, option

EMBEDDED = "embedded"
_MOST = 10_000

_Levels = Annotated[tuple[Annotated[float, Field(ge=0, le=100)], ...], BeforeValidator(split_list)]
_Temperatures = Annotated[tuple[Annotated[float, Field(ge=0, le=10)], ...], BeforeValidator(split_list)]
_Methods = Annotated[tuple[str, ...], BeforeValidator(split_list)]


class HeadsOptions(SeededOptions):
    """The options of the heads study; their names are those of the command line."""

    seeds: int = option("Study", "number of seeds: every condition is measured with each", 3, ge=1, scope=Scope.SEED)
    iterations: int | None = option("Study", "another word for --seeds", ge=1, le=_MOST, scope=Scope.SEED)
    model_name: str = option(
        "Model",
        "embedded (a small GPT-2, trained here), or a GPT-2-like model of transformers: gpt2, distilgpt2, a folder",
        EMBEDDED,
        min_length=1,
    )
    device: Literal["auto", "cpu", "cuda"] = option("Model", "auto, cpu or cuda", "auto")
    precision: Literal["float32", "float16", "bfloat16"] = option(
        "Model", "float32, float16 or bfloat16, of weights and activations; losses are float32", "float32"
    )
    pruning_levels: _Levels = option(
        "Pruning", "percent of all heads that are removed, by commas", (0, 30, 50, 70), scope=Scope.CELL
    )
    pruning_method: _Methods = option(
        "Pruning",
        f"criteria that select the heads, by commas: {', '.join(IMPORTANCES)}",
        ("entropy", "random", "magnitude"),
        scope=Scope.ARM,
    )
    structural: bool = option("Pruning", "remove heads for real instead of masking them", False)
    temperatures: _Temperatures = option(
        "Generation", "of sampling, by commas; 0 takes the most likely token", (0.7, 1.0), scope=Scope.CELL
    )
    num_tokens: int = option("Generation", "tokens generated per prompt", 100, ge=1, le=_MOST)
    prompt_file: Path | None = option("Generation", "one prompt per line; default: beginnings of held-out files")
    max_prompts: int = option("Generation", "the most prompts per condition", 10, ge=1, le=_MOST)
    batch_size: int = option("Generation", "prompts that are generated together", 1, ge=1, le=_MOST)
    save_outputs: bool = option("Record", "keep the generated texts", False, scope=Scope.RECORD)
    memory_logging: bool = option("Record", "keep the memory after each phase", False, scope=Scope.RECORD)

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds of every condition."""
        return tuple(range(self.seed, self.seed + (self.iterations or self.seeds)))

    @field_validator("pruning_levels", "pruning_method", "temperatures")
    @classmethod
    def _each_once(cls, given: tuple[object, ...]) -> tuple[object, ...]:
        if not given or len(set(given)) < len(given):
            raise ValueError(f"{', '.join(map(str, given)) or 'nothing'} was given: give at least one value, each once")
        return given

    @field_validator("pruning_method")
    @classmethod
    def _known(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for name in given:
            if name not in IMPORTANCES:
                raise ValueError(f"there is no criterion {name!r}; there are: {', '.join(IMPORTANCES)}")
        return given

    @model_validator(mode="after")
    def _one_way_to_repeat(self) -> Self:
        if "seeds" in self.model_fields_set and self.iterations not in (None, self.seeds):
            raise ValueError(f"--iterations {self.iterations} and --seeds {self.seeds} differ: give one of the two")
        return self
