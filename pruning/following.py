"""Run a model on tensors without values and observe each operation.

The model is copied to the `meta` device (shapes only) and run in inference mode, where each operation still has the
name that fvcore counts by: `linear`, `matmul`, `layer_norm`. An operation without a rule is decomposed, and its parts
are followed. One that has no parts is a step of its own: what it touches stays whole.

A copy that lives on the CPU is run on values instead: some models compute with them.
"""

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.hooks import RemovableHandle

from pruning.cloning import clone_structure, is_activation
from pruning.errors import UnsupportedModelError, describe_exception
from pruning.inputs import InputSize, made_inputs
from pruning.norm_shapes import norm_output
from pruning.rules.pointwise import pointwise
from pruning.rules.registry import Rule
from pruning.rules.table import RULES

# A training pass needs more than one image: batch norm refuses a single value per channel.
_IMAGES = {False: 1, True: 2}


@dataclass(frozen=True, slots=True)
class Step:
    """One operation that ran.

    Attributes:
        arguments: by schema name. A tensor is identified by its origin: a weight's name, the image, the number of the
            step that made it, or, for a tensor made outside the followed operations, its shape and content.
    """

    layer: str
    operation: str
    arguments: tuple[tuple[str, Any], ...]


# The path to a tensor in a model's output, the tensor's origin, and its shape.
Returned = tuple[str, Any, tuple[int, ...]]


def shadow_of(model: nn.Module) -> nn.Module:
    """Copy the model to the meta device, in eval mode, with attention unfused so that its products can be counted.

    Raises:
        UnsupportedModelError: the model cannot be copied.
    """
    memo: dict[int, Any] = {}
    try:
        for module in model.modules():
            loose = (value for value in vars(module).values() if not is_activation(value))
            for value in (*module._parameters.values(), *module._buffers.values(), *loose):
                if isinstance(value, torch.Tensor):
                    shape = value.detach().to("meta")
                    memo[id(value)] = (
                        nn.Parameter(shape, value.requires_grad) if isinstance(value, nn.Parameter) else shape
                    )
        shadow = clone_structure(model, memo).eval()
        unfuse_attention(shadow)
    except Exception as error:
        raise UnsupportedModelError("", "copying the model", describe_exception(error)) from error
    return shadow


def unfuse_attention(model: nn.Module) -> None:
    """Make timm's attention layers compute their two products explicitly, where a counter can see them."""
    for module in model.modules():
        if hasattr(module, "fused_attn"):
            vars(module)["fused_attn"] = False


def blank_inputs(model: nn.Module, input_size: InputSize, *, training: bool) -> tuple[torch.Tensor, ...]:
    """Inputs for one pass of a shadow: one image in eval mode, two in training mode, without values if it has none."""
    dtype = next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float32)
    images = _IMAGES[training]
    if has_values(model):
        generator = torch.Generator().manual_seed(0)
        return made_inputs(
            model, input_size, lambda shape: torch.rand(images, *shape, dtype=dtype, generator=generator)
        )
    return made_inputs(model, input_size, lambda shape: torch.empty(images, *shape, device="meta", dtype=dtype))


def has_values(shadow: nn.Module) -> bool:
    """Whether this copy of a model runs on values, and not on shapes alone."""
    return not all(parameter.is_meta for parameter in shadow.parameters())


class Follower(TorchDispatchMode):
    """Follows forward passes of one shadow; subclasses define what happens at each operation."""

    def __init__(self, shadow: nn.Module) -> None:
        super().__init__()
        self.names = {id(t): name for name, t in (*shadow.named_parameters(), *shadow.named_buffers())}
        self.layers: list[str] = [""]
        self.free = False  # inside an operation that has no rule of its own
        self._shadow = shadow
        self._origins: dict[int, tuple[Any, ...]] = {}
        self._twins: dict[int, torch.Tensor] = {}
        # Origins are stored by `id`, so no tensor may be freed: not even a buffer in whose place a pass puts another.
        self._alive: list[object] = [*shadow.parameters(), *shadow.buffers()]
        self._count = 0

    # ---- for subclasses

    def run_operation(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Run one operation."""
        known = norm_output(func, args) if not kwargs else None
        return func(*args, **kwargs) if known is None else known

    def on_executed(self, step: Step, func: Any, args: dict[str, Any], out: Any) -> None:
        """Called after each operation."""
        raise NotImplementedError

    def on_copied(self, original: torch.Tensor, copy: torch.Tensor) -> None:
        """Called when a copy of the same content takes a tensor's place."""

    def on_layer_entered(self, layer: str, tensors: list[torch.Tensor]) -> None:
        """Called before a layer runs on these tensors."""

    # ---- one pass

    def run(self, input_size: InputSize, *, training: bool, images: tuple[torch.Tensor, ...] | None = None) -> object:
        """Run one pass and return the model's output.

        Args:
            input_size: of each input.
            training: run in training mode; the shadow is put back into eval mode afterwards.
            images: the inputs; None means blank ones.

        Raises:
            UnsupportedModelError: the forward pass failed, or an operation could not be followed.
        """
        if images is None:
            images = blank_inputs(self._shadow, input_size, training=training)
        for place, image in enumerate(images):
            self._origins[id(image)] = ("image", place) if place else ("image",)
            self._alive.append(image)
        self.layers, self.free, self._count = [""], False, 0
        hooks: list[RemovableHandle] = []
        try:
            for name, module in self._shadow.named_modules():
                hooks.append(module.register_forward_pre_hook(partial(self._enter, name)))
                hooks.append(module.register_forward_hook(self._leave))
            with torch.inference_mode(), self:
                return self._shadow.train(training)(*images)
        except UnsupportedModelError as error:
            raise _in_training(error) if training else error from error.__cause__
        except Exception as error:
            failed = UnsupportedModelError(self.layers[-1], "forward", describe_exception(error))
            raise (_in_training(failed) if training else failed) from error
        finally:
            for hook in hooks:
                hook.remove()
            self._shadow.eval()

    def _enter(self, layer: str, _module: nn.Module, args: tuple[object, ...]) -> None:
        self.layers.append(layer)
        self.on_layer_entered(layer, [value for value in args if isinstance(value, torch.Tensor)])

    def _leave(self, *_: object) -> None:
        self.layers.pop()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        args, kwargs = self._without_values(func, args, kwargs or {})
        if rule_of(func) is None:
            made = self._decomposed(func, args, kwargs)
            if made is not NotImplemented:
                return made
        out = self.run_operation(func, args, kwargs)
        bound = _bind(func, args, kwargs)
        if func.overloadpacket.__name__ == "contiguous":
            # Not a step: torch skips it for a tensor that is contiguous already, as after a cut to one head.
            self._origins[id(out)] = self.plain_data(args[0])
            self._alive.append(out)
            self.on_copied(args[0], out)
            return out
        step = Step(self.layers[-1], str(func), tuple((name, self.plain_data(value)) for name, value in bound.items()))
        for place, tensor in enumerate(tensors_in(out)):
            if id(tensor) not in self.names:  # a weight that is cast to its own type stays that weight
                self._origins[id(tensor)] = ("step", self._count, place)
            self._alive.append(tensor)
        self._count += 1
        self.on_executed(step, func, bound, out)
        return out

    def _decomposed(self, func: Any, args: Any, kwargs: Any) -> Any:
        """The result of the operation's parts, which are followed; NotImplemented if it has none."""
        outermost, self.free = not self.free, True
        try:
            with self:
                out = func.decompose(*args, **kwargs)
        finally:
            if outermost:
                self.free = False
        return out

    def plain_data(self, value: Any) -> Any:
        """An argument as plain data that can be compared and hashed; a tensor is represented by its origin."""
        if isinstance(value, torch.Tensor):
            if id(value) in self._origins:
                return self._origins[id(value)]
            if id(value) in self.names:
                return ("weight", self.names[id(value)])
            return ("constant", tuple(value.shape), None if value.is_meta else content_hash(value))
        if isinstance(value, (list, tuple)):
            return tuple(self.plain_data(part) for part in value)
        # `value == value` excludes NaN, which equals nothing.
        plain = isinstance(value, (bool, int, float, str, type(None))) and value == value
        return value if plain else str(value)

    def _without_values(self, func: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """The arguments with CPU tensors moved to the meta device when they meet the model's tensors.

        A forward pass may create tensors on the CPU.
        """
        given = [*tensors_in(args), *tensors_in(list(kwargs.values()))]
        if not any(t.is_meta for t in given) or all(t.is_meta or t.dim() == 0 for t in given):
            return args, kwargs
        if func._schema.is_mutable and not tensors_in(args)[0].is_meta:
            raise UnsupportedModelError(
                self.layers[-1], str(func), "it writes into a tensor that was created without the model's device"
            )
        return self._to_meta(args), {name: self._to_meta(value) for name, value in kwargs.items()}

    def _to_meta(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor) and not value.is_meta and value.dim():
            if id(value) not in self._twins:
                twin = value.detach().to("meta")
                self._twins[id(value)] = twin
                self._origins[id(twin)] = self.plain_data(value)
                self._alive += [value, twin]
                self.on_copied(value, twin)
            return self._twins[id(value)]
        return type(value)(map(self._to_meta, value)) if type(value) in (list, tuple) else value


def tensors_in(value: Any) -> list[torch.Tensor]:
    """The tensors among an operation's arguments or results."""
    if isinstance(value, torch.Tensor):
        return [value]
    return [t for part in value for t in tensors_in(part)] if isinstance(value, (list, tuple)) else []


def rule_of(func: Any) -> Rule | None:
    """The rule that follows an operation; None if it is decomposed, or fixes all that it touches if it has no parts."""
    found = RULES.get(func.overloadpacket.__name__)
    if found is not None or func.namespace != "aten":
        return found
    return pointwise if torch.Tag.pointwise in func.tags else None


def _bind(func: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    bound = {}
    for i, argument in enumerate(func._schema.arguments):
        if i < len(args):
            bound[argument.name] = args[i]
        else:
            bound[argument.name] = kwargs.get(argument.name, argument.default_value)
    return bound


def content_hash(tensor: torch.Tensor) -> str:
    """The SHA-256 of a tensor's values, in hexadecimal."""
    plain = tensor.detach().cpu().contiguous()
    plain = torch.view_as_real(plain) if plain.is_complex() else plain
    return hashlib.sha256(plain.reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest()


def _in_training(stop: UnsupportedModelError) -> UnsupportedModelError:
    return UnsupportedModelError(stop.layer, f"{stop.operation} in training mode", stop.reason)
