"""How to train: one recipe for whole trainings, one for a trial's short proxy."""

from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from ground.problems import describe_problems
from trainers.choices import Distillation, LrRule, OptimizerName, Precision, Schedule
from trainers.datasets.augmentation import Augmentation, check_auto
from trainers.errors import RecipeError

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
BelowOne = Annotated[float, Field(ge=0, lt=1)]

_ALWAYS_WRITTEN = frozenset(
    {
        *("optimizer", "lr", "momentum", "nesterov", "weight_decay", "batch_size", "label_smoothing", "grad_clip"),
        *("augment", "epochs", "warmup_epochs", "compile"),
        *("rungs", "recalibration_batches", "train_limit", "holdout_limit"),
    }
)
"""Fields that are written whatever they are. The others only where they differ from their default: so a recipe that
does without them is written, and its training known, as in versions that did not have them."""


class _Fields(BaseModel):
    """What both recipes share; each field's description says what it is, with its unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    optimizer: OptimizerName = Field(default=OptimizerName.SGD, description="sgd or adamw")
    lr: Positive = Field(default=0.05, description="peak learning rate")
    lr_rule: LrRule | None = Field(
        default=None,
        description="how the learning rate follows another batch: linear, sqrt or none; default: linear for sgd, sqrt "
        "for adamw",
    )
    schedule: Schedule = Field(default=Schedule.COSINE, description="how the learning rate falls: cosine or linear")
    start_lr: NotNegative | None = Field(
        default=None, description="learning rate of the first step of the warm-up; default: one step's rise"
    )
    final_lr: NotNegative = Field(default=0.0, description="learning rate that the decay ends at")
    momentum: BelowOne = Field(default=0.9, description="momentum of SGD; first beta of AdamW")
    nesterov: bool = Field(default=False, description="SGD looks ahead along its momentum")
    weight_decay: NotNegative = Field(
        default=5e-4,
        description="weight decay, on weights of two or more dimensions that are no tokens and no positions",
    )
    batch_size: Annotated[int, Field(ge=1, le=2**20)] = Field(
        default=64, description="images per step, over all workers"
    )
    label_smoothing: BelowOne = Field(default=0.0, description="probability that is spread over the other classes")
    grad_clip: Positive | None = Field(default=None, description="largest norm of the gradient; default: any")
    augment: bool = Field(default=True, description="transform training images at random, in the data set's own way")
    precision: Precision | None = Field(
        default=None,
        description="format of forward and backward passes, fp32 or bf16; default: bf16 on GPUs, fp32 on CPUs",
    )
    channels_last: bool | None = Field(
        default=None, description="memory format of images and weights, on GPUs only; default: on GPUs"
    )

    def override(self, **given: Any) -> Self:
        """Make a recipe with the given values, except those that are None, in place of this one's.

        Raises:
            RecipeError: a value is out of its range, or two contradict each other.
        """
        changes = {name: value for name, value in given.items() if value is not None}
        return self.parse(self.model_dump() | changes)

    def asked(self, **given: Any) -> Self:
        """As `override`, and the learning rate follows another batch by the rule, unless it is given too.

        Raises:
            RecipeError: a value is out of its range, or two contradict each other.
        """
        if given.get("batch_size") is None or given.get("lr") is not None:
            return self.override(**given)
        # Validated before anything is computed of it.
        changed = self.override(**given)
        ruled = self.override(optimizer=given.get("optimizer"), lr_rule=given.get("lr_rule"))
        return changed.override(lr=ruled.with_batch(changed.batch_size).lr)

    def with_batch(self, batch_size: int) -> Self:
        """This recipe with another batch; the learning rate follows by its rule, see `LrRule`."""
        rule = self.lr_rule or (LrRule.LINEAR if self.optimizer is OptimizerName.SGD else LrRule.SQRT)
        factor = rule.factor(batch_size / self.batch_size)
        return self.model_copy(update={"batch_size": batch_size, "lr": self.lr * factor})

    def resolved(self, *, gpu: bool, bf16: bool = True) -> Self:
        """This recipe with what it leaves to the device.

        Args:
            gpu: whether it is trained on GPUs.
            bf16: whether those compute in bf16.
        """
        precision = Precision.BF16 if gpu and bf16 else Precision.FP32
        changes = {
            "precision": precision if self.precision is None else self.precision,
            "channels_last": gpu if self.channels_last is None else self.channels_last,
        }
        return self.model_copy(update=changes)

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> Self:
        """Make a recipe from the fields of a file or a command line.

        Raises:
            RecipeError: a field is unknown or out of its range, or two contradict each other.
        """
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            wrong = describe_problems(error, "recipe", received=True)
            raise RecipeError(f"this recipe cannot be used: {wrong}") from error

    @model_serializer(mode="wrap")
    def _without_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        return {
            name: value
            for name, value in written.items()
            if name in _ALWAYS_WRITTEN or getattr(self, name) != fields[name].default
        }

    @model_validator(mode="after")
    def _rates_fit(self) -> Self:
        for name, value in (("start_lr", self.start_lr), ("final_lr", self.final_lr)):
            if value is not None and value > self.lr:
                raise ValueError(f"{name} {value:g} is above the peak learning rate of {self.lr:g}")
        return self


class Recipe(_Fields):
    """A whole training: the base model's, or the winner's fine-tune.

    Distillation takes its targets from the unpruned model, so a base has none.
    """

    epochs: Annotated[int, Field(ge=1)] = Field(default=30, description="passes over the training images")
    warmup_epochs: NotNegative = Field(
        default=1.0, description="epochs, or a part of one, over which the learning rate rises linearly"
    )
    decay_from: NotNegative | None = Field(
        default=None, description="epoch from which the learning rate falls; default: the end of the warm-up"
    )
    compile: bool = Field(default=False, description="use torch.compile: a minute to start, then faster on GPUs")
    micro_batch: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="images of one pass of a worker, whose gradients add up to the batch; default: as many as fit into "
        "the GPU's memory",
    )
    checkpointing: bool = Field(default=False, description="compute activations again instead of keeping them")
    sync_batch_norm: bool = Field(
        default=False, description="BatchNorm's statistics are those of all workers; on GPUs only"
    )
    ema: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None, description="keep an exponential moving average of the weights, with this decay a step"
    )
    export_ema: bool = Field(default=False, description="export the average instead of the last weights")
    mixup: NotNegative = Field(
        default=0.0, description="mix pairs of images; alpha of the beta distribution; 0: do not"
    )
    cutmix: NotNegative = Field(default=0.0, description="paste a part of another image; alpha likewise; 0: do not")
    auto_augment: str | None = Field(
        default=None, description="timm's policy, as rand-m9-mstd0.5-inc1; image folders only"
    )
    erasing: Share = Field(
        default=0.0, description="probability of erasing a random part of an image; image folders only"
    )
    repeated_augmentation: Annotated[int, Field(ge=1, le=16)] = Field(
        default=1,
        description="transformations of each image in one batch; an epoch then sees as many times fewer images",
    )
    distill: Distillation | None = Field(
        default=None, description="learn from the unpruned model, too: soft (its probabilities) or hard (its classes)"
    )
    distill_weight: Share = Field(default=0.5, description="share of the loss that the unpruned model's answers have")
    distill_temperature: Positive = Field(default=2.0, description="softens both models' probabilities; soft only")
    teacher_precision: Precision | None = Field(
        default=None, description="format of the unpruned model's passes; default: the training's"
    )
    train_on_holdout: bool = Field(
        default=False,
        description="train on the holdout's images, too, so that there is no holdout score; default: in a search "
        "without finalists whose holdout is at least 15 % of the images",
    )

    def override(self, **given: Any) -> Self:
        """Make a recipe as the base class does; a warm-up that is not given is shortened to fit the given epochs.

        Raises:
            RecipeError: a value is out of its range, or two contradict each other.
        """
        if given.get("epochs") is not None and given.get("warmup_epochs") is None:
            given = {**given, "warmup_epochs": min(self.warmup_epochs, max(0, _number(given["epochs"])) / 2)}
        return super().override(**given)

    def augmentation(self) -> bool | Augmentation:
        """How training images are transformed: not at all, in the data set's own way, or as is said here."""
        if not self.augment or (self.auto_augment is None and self.erasing == 0):
            return self.augment
        return Augmentation(auto=self.auto_augment, erasing=self.erasing)

    @field_validator("auto_augment")
    @classmethod
    def _known_policy(cls, policy: str | None) -> str | None:
        if policy is not None:
            check_auto(policy)
        return policy

    @model_validator(mode="after")
    def _warmup_ends(self) -> Self:
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"a warm-up of {self.warmup_epochs} epochs does not end before epoch {self.epochs}")
        if self.decay_from is not None and not self.warmup_epochs <= self.decay_from < self.epochs:
            raise ValueError(
                f"a decay from epoch {self.decay_from:g} on does not lie between the warm-up's end "
                f"({self.warmup_epochs:g}) and the last epoch ({self.epochs})"
            )
        if self.export_ema and self.ema is None:
            raise ValueError("export_ema needs an average: set ema too, as in --ema 0.999")
        return self


class ProxyRecipe(_Fields):
    """A trial's short training: enough to rank strategies by, far too little to use the model."""

    rungs: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        default=(1, 2, 4),
        description="epochs after which a trial is scored, as in 1,2,4; 0 scores after recalibration alone",
    )
    warmup_epochs: NotNegative = Field(default=0.5, description="as of the fine-tune")
    recalibration_batches: Annotated[int, Field(ge=0)] = Field(
        default=8, description="batches whose statistics replace BatchNorm's before training"
    )
    train_limit: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="most training images, drawn from each class in proportion"
    )
    holdout_limit: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="most holdout images that trials are scored on, likewise"
    )

    @field_validator("rungs", mode="before")
    @classmethod
    def _listed(cls, rungs: Any) -> Any:
        return tuple(part.strip() for part in rungs.split(",")) if isinstance(rungs, str) else rungs

    @model_validator(mode="after")
    def _rungs_rise(self) -> Self:
        if not self.rungs or any(a >= b for a, b in zip(self.rungs, self.rungs[1:], strict=False)):
            raise ValueError(f"rungs are epochs that rise from one to the next, received {self.rungs}")
        return self

    def training(self) -> Recipe:
        """The training that the rungs interrupt; it ends with the last rung."""
        shared = self.model_dump(include=set(_Fields.model_fields))
        epochs = max(1, self.rungs[-1])
        return Recipe(epochs=epochs, warmup_epochs=min(self.warmup_epochs, epochs / 2), **shared)


def _number(value: Any) -> float:
    """A number that may be written as text; what is none is refused where the recipe is validated."""
    try:
        return float(value)
    except ValueError:
        return 0.0
