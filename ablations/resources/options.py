"""What a user can choose about the resource study."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, field_validator, model_validator

from ablations.floor.options import StudyOptions, split_list
from ablations.resources.arms.arm import Arm, arms_of
from ablations.resources.arms.places import tree_size
from ablations.resources.arms.resource import Resource
from ablations.resources.models.named import LARGE, NamedModel, named_models
from ablations.resources.questions.balance import COSTS
from ablations.resources.tasks.splits import Split
from search.setup.scope import Scope, option

DEEPEST = 5
_AUTO = "auto"
_Ids = Annotated[tuple[str, ...], BeforeValidator(split_list)]
_DEFAULT_MODELS = (NamedModel("large", "rehearsal:large"), NamedModel("small", "rehearsal:small"))


class ResourcesOptions(StudyOptions):
    """The options of the resource study; their names are those of the command line."""

    tasks: Path | None = option(
        "Tasks", "mbpp.jsonl, sanitized-mbpp.json or EvalPlus' MbppPlus.jsonl", shown="the tasks that ship with it"
    )
    split: Split | None = option(
        "Tasks", f"part of the file: {', '.join(Split)}", shown="test of MBPP, all of MBPP+ and of the shipped ones"
    )
    limit: int | None = option("Tasks", "the most tasks, from the beginning", ge=1)
    task_id: _Ids = option("Tasks", "these tasks only, by commas", (), shown="all")
    models: str | None = option(
        "Models", "NAME=MODEL, by commas; the one called large, or the first, is compared with", scope=Scope.MODEL_ASKED
    )
    large: str | None = option(
        "Models", "short for large=MODEL", scope=Scope.MODEL_ASKED, shown="a scripted model, for a rehearsal"
    )
    small: str | None = option(
        "Models", "short for small=MODEL", scope=Scope.MODEL_ASKED, shown="a scripted model, for a rehearsal"
    )
    server_pid: str | None = option(
        "Models", "process of the models' server, or NAME=PID by commas; default: whoever listens on the port",
        scope=Scope.PLACE,
    )  # fmt: skip
    max_depth: int = option("Arms", "levels of the tree; level n has 2^n branches; 0: none", 3, ge=0, le=DEEPEST)
    samples: int | None = option(
        "Arms", "independent samples of each task", ge=1, le=1000, shown="as many as the tree has calls"
    )
    temperature: float = option("Arms", "of samples; 0.1 more on each level of the tree", 0.7, ge=0, le=2)
    max_answer_tokens: int = option("Arms", "tokens of one answer", 1024, ge=16, le=1_000_000)
    seed: int = option("Routing", "of the halves on which the routing rule is fitted and judged", 42, ge=0, lt=2**31)
    tolerance: float = option(
        "Routing", "by how many percentage points of solved tasks a category may be worse in the small model", 5.0,
        ge=0, le=100,
    )  # fmt: skip
    cost_by: Literal["auto", *(one.value for one in COSTS)] = option(  # type: ignore[valid-type]
        "Report", f"what cost is: {', '.join(COSTS)}; auto takes the first that is known of all", _AUTO,
        scope=Scope.RECORD,
    )  # fmt: skip
    max_cost: float | None = option("Limits", "US dollars that the study may spend", gt=0, scope=Scope.MONEY)
    prices: Path | None = option("Limits", "JSON file of prices, over the shipped ones", scope=Scope.MONEY)
    calls_at_once: int = option(
        "Work", "calls at once; with more than 1 they share the server, and are marked so", 1, ge=1, le=256,
        scope=Scope.RESOURCES,
    )  # fmt: skip
    judges: int | None = option(
        "Work", "judgements at once", ge=1, le=256, scope=Scope.RESOURCES, shown="as many as there are processors"
    )
    sandbox: Literal["auto", "bwrap", "docker", "none"] = option(
        "Work", "where answers run: auto, bwrap, docker, or none, which protects from nothing", "auto",
        scope=Scope.PLACE,
    )  # fmt: skip

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """One: the tasks are the sample of this study."""
        return (self.seed,)

    @property
    def named(self) -> tuple[NamedModel, ...]:
        """The models, in their order."""
        if self.models is None and self.large is None and self.small is None:
            return _DEFAULT_MODELS
        return named_models(self.models, large=self.large, small=self.small)

    @property
    def reference(self) -> str:
        """The name of the model that the others are compared with."""
        names = [model.name for model in self.named]
        return LARGE if LARGE in names else names[0]

    @property
    def arms(self) -> tuple[Arm, ...]:
        """All arms: every model once and with samples, and the smaller ones with branching too."""
        count = self.samples or tree_size(self.max_depth)
        return tuple(
            arm
            for model in self.named
            for arm in arms_of(model.name, count, 0 if model.name == self.reference else self.max_depth)
        )

    @property
    def cost(self) -> Resource | None:
        """What cost is, if it is named."""
        return None if self.cost_by == _AUTO else Resource(self.cost_by)

    @field_validator("task_id")
    @classmethod
    def _each_once(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(given)) < len(given):
            raise ValueError(f"{','.join(given)} names a task twice: name each once")
        return given

    @model_validator(mode="after")
    def _parts_of_a_file(self) -> Self:
        if self.tasks is None and self.split not in (None, Split.ALL):
            raise ValueError(
                f"--split {self.split} is a part of MBPP, and the tasks that ship with the study have no parts: name a "
                "file by --tasks, or leave --split out"
            )
        return self

    @model_validator(mode="after")
    def _two_models(self) -> Self:
        if len(self.named) < 2:
            (only,) = self.named
            raise ValueError(
                f"{only.name}={only.llm} is one model, and there is nothing to compare it with: name at least two, as "
                "in --large ollama:codellama --small ollama:tinyllama"
            )
        return self
