"""Which recipe a model's family is trained by."""

from enum import StrEnum


class Family(StrEnum):
    """Families with a recipe of their own."""

    CONVOLUTIONAL = "convolutional"
    """ResNets, ConvNeXts and all that is not known to be anything else: SGD."""
    TRANSFORMER = "transformer"
    """DeiT, ViT, Swin and their kind: AdamW."""


_TRANSFORMERS = ("deit", "vit", "swin", "beit", "eva", "cait", "xcit", "pit_", "tnt", "twins", "crossvit", "maxvit")
"""How names of transformers begin, in timm and torchvision."""


def family_of(name: str) -> Family:
    """The family of a model, by its name in timm or torchvision; a factory's is that of its own name."""
    own = name.rpartition(":")[2].rpartition("/")[2].lower()
    return Family.TRANSFORMER if own.startswith(_TRANSFORMERS) else Family.CONVOLUTIONAL
