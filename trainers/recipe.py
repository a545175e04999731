"""How to train: one recipe for whole trainings, one for a trial's short proxy."""

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ground.problems import describe_problems
from trainers.errors import RecipeError


class OptimizerName(StrEnum):
    """The optimisers that a recipe may name."""

    SGD = "sgd"
    ADAMW = "adamw"


class Precision(StrEnum):
    """The number format of forward and backward passes; weights are float32 in both."""

    FP32 = "fp32"
    BF16 = "bf16"


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Fields(BaseModel):
    """What both recipes share.

    Attributes:
        optimizer: `sgd` (with Nesterov momentum where `nesterov`) or `adamw`.
        lr: peak learning rate, reached after the warm-up and decayed to zero by a cosine.
        momentum: of SGD; AdamW's first beta.
        nesterov: SGD looks ahead along its momentum.
        weight_decay: on weights of two or more dimensions; never on biases and normalisation.
        batch_size: images per step of all workers together; each worker takes an equal share, rounded up.
        label_smoothing: probability that is spread over the other classes, in [0, 1).
        grad_clip: the largest norm of the gradient; None does not limit it.
        augment: whether training images are transformed at random, in the dataset's own way.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    optimizer: OptimizerName = OptimizerName.SGD
    lr: Positive = 0.05
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    nesterov: bool = False
    weight_decay: NotNegative = 5e-4
    batch_size: Annotated[int, Field(ge=1, le=2**20)] = 64
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    grad_clip: Positive | None = None
    augment: bool = True

    def override(self, **given: Any) -> Self:
        """Make a recipe with the given values, except those that are None, in place of this one's.

        Raises:
            RecipeError: a value is out of its range, or two contradict each other.
        """
        changes = {name: value for name, value in given.items() if value is not None}
        return self.parse(self.model_dump() | changes)

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


class Recipe(_Fields):
    """A whole training: the base model's, or the winner's fine-tune.

    Attributes:
        epochs: passes over the training images.
        warmup_epochs: the learning rate rises linearly over this many epochs, which may be a fraction.
        precision: `bf16` needs a GPU or a CPU that computes in it.
        channels_last: memory format of images and weights; GPUs only, faster with bf16.
        compile: run the model through torch.compile; a minute to start, then faster on GPUs.
    """

    epochs: Annotated[int, Field(ge=1)] = 30
    warmup_epochs: NotNegative = 1.0
    precision: Precision = Precision.FP32
    channels_last: bool = False
    compile: bool = False

    def override(self, **given: Any) -> Self:
        """Make a recipe as the base class does; a warm-up that is not given is shortened to fit the given epochs.

        Raises:
            RecipeError: a value is out of its range, or two contradict each other.
        """
        if given.get("epochs") is not None and given.get("warmup_epochs") is None:
            given = {**given, "warmup_epochs": min(self.warmup_epochs, max(0, given["epochs"]) / 2)}
        return super().override(**given)

    def with_batch(self, batch_size: int) -> "Recipe":
        """This recipe with another batch; the learning rate follows by its optimiser's rule.

        It is proportional to the batch for SGD (Goyal et al., 2017), and to its square root for AdamW (Malladi et al.,
        2022).
        """
        ratio = batch_size / self.batch_size
        factor = ratio if self.optimizer is OptimizerName.SGD else ratio**0.5
        return self.model_copy(update={"batch_size": batch_size, "lr": self.lr * factor})

    @model_validator(mode="after")
    def _warmup_ends(self) -> Self:
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"a warm-up of {self.warmup_epochs} epochs does not end before epoch {self.epochs}")
        return self


class ProxyRecipe(_Fields):
    """A trial's short training: enough to rank strategies by, far too little to use the model.

    Attributes:
        rungs: how many epochs were trained at each score; 0 scores after recalibration alone.
        warmup_epochs: as in Recipe.
        recalibration_batches: training batches whose statistics replace BatchNorm's before training.
        train_limit: most training images, drawn from each class in proportion; None takes all.
        holdout_limit: likewise for the images that trials are scored on.
    """

    rungs: tuple[Annotated[int, Field(ge=0)], ...] = (1, 2, 4)
    warmup_epochs: NotNegative = 0.5
    recalibration_batches: Annotated[int, Field(ge=0)] = 8
    train_limit: Annotated[int, Field(ge=1)] | None = None
    holdout_limit: Annotated[int, Field(ge=1)] | None = None

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
