"""What a user can choose about the heads study."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ablations.heads.importance.registry import IMPORTANCES

_MOST = 10_000

Level = Annotated[float, Field(ge=0, le=100)]
Temperature = Annotated[float, Field(ge=0, le=10)]


class HeadsOptions(BaseModel):
    """The options of the heads study; their names are those of the command line.

    Attributes:
        model_name: the embedded model, or a GPT-2-like model of transformers: gpt2, distilgpt2 or a folder.
        device: where the model runs.
        precision: of weights and activations; logits and losses are float32.
        pruning_levels: percent of all heads that are removed.
        pruning_method: criteria that select the heads, each measured on its own.
        temperatures: of sampling; 0 takes the most likely token.
        num_tokens: tokens generated per prompt.
        iterations: repetitions, each with a seed of its own (0, 1, …), for means and intervals.
        seeds: the seeds themselves, in place of `iterations`.
        prompt_file: one prompt per line; by default, beginnings from held-out files.
        max_prompts: the most prompts per condition.
        batch_size: prompts that are generated together.
        save_outputs: keep the generated texts.
        memory_logging: keep the memory after each phase of a condition.
        structural: remove heads for real instead of masking them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model_name: str = Field(default="embedded", min_length=1)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["float32", "float16", "bfloat16"] = "float32"
    pruning_levels: tuple[Level, ...] = (0, 30, 50, 70)
    pruning_method: tuple[str, ...] = ("entropy", "random", "magnitude")
    temperatures: tuple[Temperature, ...] = (0.7, 1.0)
    num_tokens: int = Field(default=100, ge=1, le=_MOST)
    iterations: int | None = Field(default=None, ge=1, le=_MOST)
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**31)], ...] | None = None
    prompt_file: Path | None = None
    max_prompts: int = Field(default=10, ge=1, le=_MOST)
    batch_size: int = Field(default=1, ge=1, le=_MOST)
    save_outputs: bool = False
    memory_logging: bool = False
    structural: bool = False

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds, one per repetition."""
        return self.seeds if self.seeds is not None else tuple(range(self.iterations or 3))

    @field_validator("pruning_levels", "pruning_method", "temperatures", "seeds")
    @classmethod
    def _each_once(cls, given: tuple[object, ...] | None) -> tuple[object, ...] | None:
        if given is not None and (not given or len(set(given)) < len(given)):
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
        if self.seeds is not None and self.iterations not in (None, len(self.seeds)):
            raise ValueError(
                f"iterations = {self.iterations}, but {len(self.seeds)} seeds were given: give one of the two, or "
                "equal numbers"
            )
        return self
