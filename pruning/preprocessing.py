"""What is done to an image before a model sees it: size, crop and normalisation, as published weights expect them."""

from enum import StrEnum
from typing import Annotated, Any, Self

import torchvision
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from timm.data.config import resolve_data_config
from timm.models import get_pretrained_cfg

from ground.problems import describe_problems
from pruning.errors import PreprocessingError
from pruning.factories import is_factory, is_hub
from pruning.models import hub_config


class Interpolation(StrEnum):
    """How an image is resized; the names are those of timm and PIL."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


class CropMode(StrEnum):
    """What becomes of an image of another shape than the model's input; the names are timm's."""

    CENTER = "center"
    """The shorter side is resized, and the centre is cut out."""
    SQUASH = "squash"
    """Both sides are resized, whatever becomes of the proportions."""
    BORDER = "border"
    """The longer side is resized, and the rest is filled with the mean."""


_Values = Annotated[tuple[Annotated[float, Field(allow_inf_nan=False)], ...], Field(min_length=1, max_length=16)]


class Preprocessing(BaseModel):
    """How an image is prepared; its size is the model's input size.

    Attributes:
        mean: of a channel of pixels in 0…1, subtracted; one value for each channel, or one for all.
        std: deviation of a channel, by which it is divided; likewise.
        interpolation: how the image is resized.
        crop: side of the model's input ÷ side that the image is resized to; the rest is cut off.
        crop_mode: what becomes of another shape.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: _Values = (0.485, 0.456, 0.406)
    std: _Values = (0.229, 0.224, 0.225)
    interpolation: Interpolation = Interpolation.BILINEAR
    crop: Annotated[float, Field(gt=0.1, le=2)] = 0.875
    crop_mode: CropMode = CropMode.CENTER

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if min(self.std) <= 0:
            raise ValueError(f"std is {self.std}, and images are divided by it: it must be above 0")
        if len(self.mean) != len(self.std):
            raise ValueError(f"mean has {len(self.mean)} values and std {len(self.std)}: one for each channel")
        return self

    def in_words(self, height: int, width: int) -> str:
        """What is done, in a line that ends up in identities: it stays the same for the same preprocessing."""
        shape = {CropMode.CENTER: "centre", CropMode.SQUASH: "squashed", CropMode.BORDER: "bordered"}[self.crop_mode]
        return f"{height}×{width}, {shape} {self.crop}, {self.interpolation}, mean {self.mean}, deviation {self.std}"

    def override(self, **given: Any) -> "Preprocessing":
        """This preprocessing with the given values, except those that are None, in place of its own.

        Raises:
            PreprocessingError: a value is out of its range, or two contradict each other.
        """
        changes = {name: value for name, value in given.items() if value is not None}
        try:
            return Preprocessing.model_validate(self.model_dump() | changes)
        except ValidationError as error:
            wrong = describe_problems(error, "preprocessing", received=True)
            raise PreprocessingError(f"images cannot be prepared like this: {wrong}") from error


DEFAULT = Preprocessing()
"""That of torchvision's first published weights (https://docs.pytorch.org/vision/stable/models.html), which is also
used where nothing says what the weights expect."""


def published_preprocessing(name: str) -> Preprocessing | None:
    """What the published weights of a model expect; None where there are none.

    timm's are those of `resolve_data_config`, torchvision's those of the transforms of its default weights.

    Args:
        name: as in `ModelSpec.name`.

    Raises:
        ModelCreationError: it is a hub's, and the hub does not say.
    """
    if is_factory(name):
        return None
    if is_hub(name):
        return _of_timm(hub_config(name))
    if not name.startswith(_TORCHVISION) and (published := get_pretrained_cfg(name)) is not None:
        return _of_timm(published.to_dict())
    return _of_torchvision(name.removeprefix(_TORCHVISION))


def _of_timm(published: dict[str, Any]) -> Preprocessing:
    found = resolve_data_config(pretrained_cfg=published)
    return DEFAULT.override(
        mean=tuple(found["mean"]),
        std=tuple(found["std"]),
        interpolation=found["interpolation"],
        crop=found["crop_pct"],
        crop_mode=found["crop_mode"],
    )


def _of_torchvision(name: str) -> Preprocessing | None:
    try:
        transforms = torchvision.models.get_model_weights(name).DEFAULT.transforms()
        (cropped,), (resized,) = transforms.crop_size, transforms.resize_size
    except (ValueError, AttributeError):  # no such model, none published, or none that sees a cropped image
        return None
    return DEFAULT.override(
        mean=tuple(transforms.mean),
        std=tuple(transforms.std),
        interpolation=transforms.interpolation.value,
        crop=cropped / resized,
    )


_TORCHVISION = "torchvision:"
