"""How training images are transformed at random, beside what a dataset does by itself."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_Range = tuple[Annotated[float, Field(gt=0, le=20)], Annotated[float, Field(gt=0, le=20)]]


class Augmentation(BaseModel):
    """A random transformation of each image, drawn from (seed, epoch, index of the image) alone.

    Attributes:
        scale: smallest and largest share of the image's area that is cut out.
        ratio: smallest and largest width ÷ height of that part.
        flip: probability that the image is mirrored, left to right.
        auto: timm's description of an automatic augmentation, such as `rand-m9-mstd0.5-inc1`, `original` or `augmix`;
            None does nothing more.
        erasing: probability that a rectangle is filled with noise (Zhong et al., 2020).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scale: _Range = (0.08, 1.0)
    ratio: _Range = (3 / 4, 4 / 3)
    flip: Annotated[float, Field(ge=0, le=1)] = 0.5
    auto: str | None = None
    erasing: Annotated[float, Field(ge=0, le=1)] = 0.0

    @model_validator(mode="after")
    def _usable(self) -> Self:
        for name, (low, high) in (("scale", self.scale), ("ratio", self.ratio)):
            if low > high:
                raise ValueError(f"{name} is {low:g} to {high:g}: the smaller value comes first")
        if self.scale[1] > 1:
            raise ValueError(f"scale goes up to {self.scale[1]:g}: no more than the whole image, 1, can be cut out")
        if self.auto is not None:
            check_auto(self.auto)
        return self


STANDARD = Augmentation()
"""Random crop and mirror: the usual augmentation of ImageNet."""


def check_auto(described: str) -> None:
    """Check that timm knows an automatic augmentation of that description.

    Raises:
        ValueError: it does not.
    """
    from trainers.datasets.auto import auto_transform  # not before it is needed: this room is read without torch

    try:
        auto_transform(described, side=224, fill=(124, 116, 104))
    except (AssertionError, ValueError, KeyError, IndexError, TypeError) as error:
        why = f" ({error})" if str(error) else ""
        raise ValueError(
            f"{described!r} describes no automatic augmentation of timm's{why}: rand-m9-mstd0.5-inc1, original, v0, 3a "
            "or augmix-m3 would work"
        ) from error
