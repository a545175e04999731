"""Create models by name: from timm, from torchvision, or by the user's own factory."""

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import timm
import torchvision
from timm.models import get_pretrained_cfg
from torch import nn

import pruning.zoo  # noqa: F401  registers our own models with timm
from ground.names import near_misses
from pruning.errors import ModelCreationError, UnknownModelError, describe_exception
from pruning.factories import is_factory
from pruning.masks import without_masks


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """All that is needed to create the unpruned module again.

    Attributes:
        name: a timm name (including those of `pruning.zoo`), `torchvision:NAME` or a name that only torchvision has,
            or `module:factory`.
        num_classes: number of classes.
        input_size: channels, height, width.
        output: path of the output tensor that holds the logits (see `pruning.outputs`); None finds it by convention.
    """

    name: str
    num_classes: int
    input_size: tuple[int, int, int]
    output: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The spec as JSON values.

        `output` is left out if it is None: cache keys are hashes of this value, and those from before outputs had names
        must stay valid.
        """
        named = {} if self.output is None else {"output": self.output}
        return {"name": self.name, "num_classes": self.num_classes, "input_size": list(self.input_size)} | named

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ModelSpec":
        """The inverse of `to_json`."""
        channels, height, width = value["input_size"]
        size = (int(channels), int(height), int(width))
        return cls(str(value["name"]), int(value["num_classes"]), size, value.get("output"))


_OWN = {
    "resnet18_quarter": ModelSpec("resnet18_quarter", 10, (1, 32, 32)),
    "vit_quarter": ModelSpec("vit_quarter", 10, (3, 32, 32)),
}
_IMAGENET = (1000, (3, 224, 224))


def published_spec(
    name: str, *, num_classes: int | None = None, input_size: int | None = None, output: str | None = None
) -> ModelSpec:
    """The spec of a model with the number of classes and input size that it was published with, unless given.

    A name without published weights (torchvision's, a factory's) gets ImageNet's 1000 classes and 3×224×224.

    Args:
        name: see `ModelSpec.name`.
        num_classes: replaces the published number of classes.
        input_size: side of the square image; replaces the published one.
        output: path of the output tensor that holds the logits.
    """
    classes, (channels, height, width) = _IMAGENET
    if name in _OWN:
        classes, (channels, height, width) = _OWN[name].num_classes, _OWN[name].input_size
    elif ":" not in name and (published := get_pretrained_cfg(name)) is not None:
        classes, (channels, height, width) = published.num_classes, published.input_size
    if input_size is not None:
        height = width = input_size
    return ModelSpec(name, classes if num_classes is None else num_classes, (channels, height, width), output)


def create_model(spec: ModelSpec, *, pretrained: bool = False) -> nn.Module:
    """Create the module that `spec` names, in eval mode.

    A factory is imported and called: a name that was read from a file must pass `pruning.factories.check_factory`.

    Args:
        spec: the architecture.
        pretrained: load the published weights; random weights never replace them.

    Raises:
        UnknownModelError: the name is in no registry.
        ModelCreationError: creating the model or loading its published weights failed.
    """
    try:
        return without_masks(_maker(spec)(spec, pretrained)).eval()
    except (UnknownModelError, ModelCreationError):
        raise
    except Exception as error:
        raise ModelCreationError(spec.name, describe_exception(error, 500)) from error


def _maker(spec: ModelSpec):  # type: ignore[no-untyped-def]
    prefix, _, rest = spec.name.rpartition(":")
    if prefix == "torchvision":
        if rest not in torchvision.models.list_models():
            raise UnknownModelError(spec.name, near_models(rest))
        return _from_torchvision
    if is_factory(spec.name):
        return _from_factory
    if timm.is_model(spec.name.split(".")[0]):
        return _from_timm
    if spec.name in torchvision.models.list_models():
        return _from_torchvision
    raise UnknownModelError(spec.name, near_models(spec.name))


def near_models(name: str) -> tuple[str, ...]:
    """Up to five known names of similar spelling."""
    known = {*timm.list_models(), *torchvision.models.list_models(), *_OWN}
    return near_misses(name, sorted(known), most=5)


def _from_timm(spec: ModelSpec, pretrained: bool) -> nn.Module:
    channels, *pixels = spec.input_size
    extra: dict[str, Any] = {}
    published = get_pretrained_cfg(spec.name.split(".")[0])
    sized = published is not None and published.fixed_input_size
    if (sized or spec.name == "vit_quarter") and (
        published is None or tuple(published.input_size[1:]) != tuple(pixels)
    ):
        extra["img_size"] = tuple(pixels)
    if pretrained and (of_weights := get_pretrained_cfg(spec.name)) is not None:
        _check_classes(spec, int(of_weights.num_classes))
    return timm.create_model(spec.name, pretrained=pretrained, num_classes=spec.num_classes, in_chans=channels, **extra)


def _check_classes(spec: ModelSpec, published: int) -> None:
    """Refuse published weights for another number of classes: timm would draw a new head at random, in silence."""
    if spec.num_classes != published:
        raise ModelCreationError(
            spec.name, f"its published weights are for {published:,} classes, and {spec.num_classes:,} are needed"
        )


def _from_torchvision(spec: ModelSpec, pretrained: bool) -> nn.Module:
    name = spec.name.removeprefix("torchvision:")
    if spec.input_size[0] != 3:
        raise ModelCreationError(spec.name, f"torchvision models take 3 channels, not {spec.input_size[0]}")
    if pretrained:
        _check_classes(spec, _torchvision_classes(name))
        return torchvision.models.get_model(name, weights="DEFAULT")
    extra = {"aux_logits": False, "init_weights": False} if name in ("inception_v3", "googlenet") else {}
    return torchvision.models.get_model(name, weights=None, num_classes=spec.num_classes, **extra)


def _torchvision_classes(name: str) -> int:
    return len(torchvision.models.get_model_weights(name).DEFAULT.meta.get("categories", range(1000)))


def _from_factory(spec: ModelSpec, pretrained: bool) -> nn.Module:
    module, _, function = spec.name.partition(":")
    try:
        factory = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise UnknownModelError(spec.name) from error
    offered = {"num_classes": spec.num_classes, "in_chans": spec.input_size[0], "pretrained": pretrained}
    takes = inspect.signature(factory).parameters
    model = factory(**{name: value for name, value in offered.items() if name in takes})
    if not isinstance(model, nn.Module):
        raise ModelCreationError(spec.name, f"the factory returned a {type(model).__name__}, not a torch.nn.Module")
    if pretrained and "pretrained" not in takes:
        raise ModelCreationError(spec.name, "its factory takes no 'pretrained' argument")
    return model
