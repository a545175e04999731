"""Create models by name: from timm, from torchvision, or by the user's own factory."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import timm
import torchvision
from timm.models import get_pretrained_cfg
from torch import nn

import pruning.zoo  # noqa: F401  registers our own models with timm
from pruning.errors import InputShapeError, ModelCreationError, PruningError, UnknownModelError, describe_exception
from pruning.factories import IN_MEMORY, find_factory, is_factory, is_hub, own_classes
from pruning.inputs import InputSize, image_size, named_shapes, size_from_json, size_text, size_to_json
from pruning.masks import without_masks
from pruning.names import full_name, near_models

__all__ = ["IN_MEMORY", "ModelSpec", "create_model", "full_name", "near_models", "published_spec"]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """All that is needed to create the unpruned module again.

    Attributes:
        name: a timm name (including those of `pruning.zoo`), `torchvision:NAME` or a name that only torchvision has,
            `hf-hub:OWNER/REPOSITORY`, or `module:factory`.
        num_classes: number of classes; 0 where nothing states it.
        input_size: channels, height, width; or another shape, or the shapes of several inputs by name.
        output: path of the output tensor that holds the logits (see `pruning.outputs`); None finds it by convention.
    """

    name: str
    num_classes: int
    input_size: InputSize
    output: str | None = None

    @property
    def image_size(self) -> tuple[int, int, int]:
        """Channels, height and width.

        Raises:
            InputShapeError: the model takes something else than one image.
        """
        return image_size(self.input_size)

    @property
    def size_text(self) -> str:
        """The input size for people."""
        return size_text(self.input_size)

    def to_json(self) -> dict[str, Any]:
        """The spec as JSON values.

        `output` is left out if it is None: cache keys are hashes of this value, and those from before outputs had names
        must stay valid.
        """
        named = {} if self.output is None else {"output": self.output}
        size = size_to_json(self.input_size)
        return {"name": self.name, "num_classes": self.num_classes, "input_size": size} | named

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ModelSpec":
        """The inverse of `to_json`."""
        size = size_from_json(value["input_size"])
        return cls(str(value["name"]), int(value["num_classes"]), size, value.get("output"))


_OWN = {
    "resnet18_quarter": ModelSpec("resnet18_quarter", 10, (1, 32, 32)),
    "vit_quarter": ModelSpec("vit_quarter", 10, (3, 32, 32)),
}
_IMAGENET = (1000, (3, 224, 224))


def published_spec(
    name: str,
    *,
    num_classes: int | None = None,
    input_size: int | None = None,
    output: str | None = None,
    input_shape: InputSize | None = None,
) -> ModelSpec:
    """The spec of a model with the number of classes and input size that it was published with, unless given.

    A name of torchvision gets ImageNet's 1000 classes and 3×224×224. A factory, which is imported, keeps its own number
    of classes.

    Args:
        name: see `ModelSpec.name`; a short one is completed.
        num_classes: replaces the published number of classes.
        input_size: side of the square image; replaces the published one.
        output: path of the output tensor that holds the logits.
        input_shape: replaces the published size as a whole.

    Raises:
        UnknownModelError: there is no such factory.
        ModelCreationError: its module cannot be imported, a hub's description cannot be read, or a factory takes no
            number of classes.
        InputShapeError: both an `input_size` and an `input_shape` are given.
    """
    name = full_name(name)
    classes, (channels, height, width) = _IMAGENET
    if is_factory(name):
        classes = num_classes = own_classes(name, num_classes)
    elif name in _OWN:
        classes, (channels, height, width) = _OWN[name].num_classes, _OWN[name].image_size
    elif is_hub(name):
        classes, (channels, height, width) = _hub_sizes(name)
    elif ":" not in name and (published := get_pretrained_cfg(name)) is not None:
        classes, (channels, height, width) = published.num_classes, published.input_size
    if input_size is not None:
        height = width = input_size
        if input_shape is not None:
            raise InputShapeError(
                f"the side {input_size} and the shape {size_text(input_shape)} of the input are both given: give one"
            )
    size = (channels, height, width) if input_shape is None else input_shape
    return ModelSpec(name, classes if num_classes is None else num_classes, size, output)


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
    except PruningError:
        raise
    except Exception as error:
        raise ModelCreationError(spec.name, describe_exception(error, 500)) from error


def _maker(spec: ModelSpec):  # type: ignore[no-untyped-def]
    if spec.name.startswith(IN_MEMORY):
        raise ModelCreationError(
            spec.name,
            "it was a module in memory, which has no name to create it by: open its folder with "
            "espalier.load(folder, into=the unpruned module)",
        )
    prefix, _, rest = spec.name.rpartition(":")
    if prefix == "torchvision":
        if rest not in torchvision.models.list_models():
            raise UnknownModelError(spec.name, near_models(rest))
        return _from_torchvision
    if is_factory(spec.name):
        return _from_factory
    if is_hub(spec.name) or timm.is_model(full_name(spec.name).split(".")[0]):
        return _from_timm
    if spec.name in torchvision.models.list_models():
        return _from_torchvision
    raise UnknownModelError(spec.name, near_models(spec.name))


def _channels_and_pixels(spec: ModelSpec) -> tuple[int, tuple[int, ...]]:
    """The channels of the input, and the lengths after them; three channels if a registry cannot be told any."""
    channels, *pixels = named_shapes(spec.input_size).get("", (3,))
    return channels, tuple(pixels)


def _from_timm(spec: ModelSpec, pretrained: bool) -> nn.Module:
    channels, pixels = _channels_and_pixels(spec)
    name = full_name(spec.name)
    extra: dict[str, Any] = {}
    published = None if is_hub(name) else get_pretrained_cfg(name.split(".")[0])
    sized = published is not None and published.fixed_input_size
    if (sized or name == "vit_quarter") and (published is None or tuple(published.input_size[1:]) != pixels):
        extra["img_size"] = pixels
    if pretrained and not is_hub(name) and (of_weights := get_pretrained_cfg(name)) is not None:
        _check_classes(spec, int(of_weights.num_classes))
    return timm.create_model(name, pretrained=pretrained, num_classes=spec.num_classes, in_chans=channels, **extra)


def _hub_sizes(name: str) -> tuple[int, tuple[int, int, int]]:
    """Classes and image size that a hub's or a folder's description states."""
    config = hub_config(name)
    channels, height, width = config.get("input_size", _IMAGENET[1])
    return int(config.get("num_classes", _IMAGENET[0])), (int(channels), int(height), int(width))


def hub_config(name: str) -> dict[str, Any]:
    """What a hub's or a folder's description states of its weights, in timm's terms.

    Raises:
        ModelCreationError: it cannot be read.
    """
    from timm.models import load_model_config_from_hf
    from timm.models._factory import parse_model_name

    scheme, place = parse_model_name(name)[:2]
    try:
        if scheme == "local-dir":
            from timm.models._hub import load_model_config_from_path

            return dict(load_model_config_from_path(place)[0])
        return dict(load_model_config_from_hf(place)[0])
    except Exception as error:
        raise ModelCreationError(name, f"its description cannot be read: {describe_exception(error, 500)}") from error


def _check_classes(spec: ModelSpec, published: int) -> None:
    """Refuse published weights for another number of classes: timm would draw a new head at random, in silence."""
    if spec.num_classes != published:
        raise ModelCreationError(
            spec.name, f"its published weights are for {published:,} classes, and {spec.num_classes:,} are needed"
        )


def _from_torchvision(spec: ModelSpec, pretrained: bool) -> nn.Module:
    name = spec.name.removeprefix("torchvision:")
    channels = _channels_and_pixels(spec)[0]
    if channels != 3:
        raise ModelCreationError(spec.name, f"torchvision models take 3 channels, not {channels}")
    if pretrained:
        _check_classes(spec, _torchvision_classes(name))
        return torchvision.models.get_model(name, weights="DEFAULT")
    extra: dict[str, Any] = {}
    if name in ("inception_v3", "googlenet"):
        extra = {"aux_logits": False, "init_weights": False}
    if "weights_backbone" in inspect.signature(torchvision.models.get_model_builder(name)).parameters:
        extra["weights_backbone"] = None  # otherwise those of a backbone are downloaded
    return torchvision.models.get_model(name, weights=None, num_classes=spec.num_classes, **extra)


def _torchvision_classes(name: str) -> int:
    return len(torchvision.models.get_model_weights(name).DEFAULT.meta.get("categories", range(1000)))


def _from_factory(spec: ModelSpec, pretrained: bool) -> nn.Module:
    factory = find_factory(spec.name)
    offered = {
        "num_classes": spec.num_classes,
        "in_chans": _channels_and_pixels(spec)[0],
        "pretrained": pretrained,
    }
    takes = inspect.signature(factory).parameters
    model = factory(**{name: value for name, value in offered.items() if name in takes})
    if not isinstance(model, nn.Module):
        raise ModelCreationError(spec.name, f"the factory returned a {type(model).__name__}, not a torch.nn.Module")
    if pretrained and "pretrained" not in takes:
        raise ModelCreationError(spec.name, "its factory takes no 'pretrained' argument")
    return model
