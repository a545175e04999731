"""Run a model on tensors without values and see each operation go by.

The model is copied to the `meta` device (shapes only) and run in inference mode, where every operation still has the
name that fvcore counts by: `linear`, `matmul`, `layer_norm`. An operation without a rule is followed through its parts.
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
from pruning.errors import UnsupportedModelError
from pruning.rules.pointwise import pointwise
from pruning.rules.registry import Rule
from pruning.rules.table import RULES

# A training pass needs more than one image: batch norm refuses a single value per channel.
_IMAGES = {False: 1, True: 2}


@dataclass(frozen=True, slots=True)
class Step:
    """One operation that ran.

    Attributes:
        arguments: by schema name. A tensor is told by where it came from: a weight's name, the image, the number of the
            step that made it, or, for one that was made outside of the followed operations, its shape and content.
    """

    layer: str
    operation: str
    arguments: tuple[tuple[str, Any], ...]


# The way to a tensor in a model's output, where the tensor came from, and its shape.
Returned = tuple[str, Any, tuple[int, ...]]


def shadow_of(model: nn.Module) -> nn.Module:
    """A copy of the model in eval mode, on the meta device, with attention unfused so that it can be counted.

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
    except Exception as problem:
        raise UnsupportedModelError("", "copying the model", in_words(problem)) from problem
    return shadow


def unfuse_attention(model: nn.Module) -> None:
    """Make timm's attention layers write their two products out, where a counter can see them."""
    for module in model.modules():
        if hasattr(module, "fused_attn"):
            vars(module)["fused_attn"] = False


def in_words(problem: Exception) -> str:
    """An exception of somebody's code on one line of bounded length."""
    return " ".join(f"{type(problem).__name__}: {problem}".split())[:300]


def blank_images(model: nn.Module, input_size: tuple[int, int, int], *, training: bool) -> torch.Tensor:
    """Images of no content for one pass of a shadow: one in eval mode, two in training mode."""
    dtype = next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float32)
    return torch.empty(_IMAGES[training], *input_size, device="meta", dtype=dtype)


class Follower(TorchDispatchMode):
    """Follows passes of one shadow; what to do with each operation is a subclass's to say."""

    def __init__(self, shadow: nn.Module) -> None:
        super().__init__()
        self.names = {id(t): name for name, t in (*shadow.named_parameters(), *shadow.named_buffers())}
        self.layers: list[str] = [""]
        self.free = False  # inside an operation that has no rule of its own
        self._shadow = shadow
        self._origins: dict[int, tuple[Any, ...]] = {}
        self._twins: dict[int, torch.Tensor] = {}
        self._alive: list[object] = []  # origins are kept by identity, so no tensor may die
        self._count = 0

    # ---- for subclasses

    def called(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Run one operation."""
        return func(*args, **kwargs)

    def executed(self, step: Step, func: Any, args: dict[str, Any], out: Any) -> None:
        """One operation has run."""
        raise NotImplementedError

    def passed_on(self, original: torch.Tensor, copy: torch.Tensor) -> None:
        """A tensor goes on as another of the same content."""

    def entered(self, layer: str, tensors: list[torch.Tensor]) -> None:
        """A layer was called with these tensors."""

    # ---- one pass

    def run(self, input_size: tuple[int, int, int], *, training: bool, images: torch.Tensor | None = None) -> object:
        """What the model returns for blank images, or for those given.

        Raises:
            UnsupportedModelError: the forward pass failed, or an operation could not be followed.
        """
        images = blank_images(self._shadow, input_size, training=training) if images is None else images
        self._origins[id(images)] = ("image",)
        self._alive.append(images)
        self.layers, self.free, self._count = [""], False, 0
        hooks: list[RemovableHandle] = []
        try:
            for name, module in self._shadow.named_modules():
                hooks.append(module.register_forward_pre_hook(partial(self._enter, name)))
                hooks.append(module.register_forward_hook(self._leave))
            with torch.inference_mode(), self:
                return self._shadow.train(training)(images)
        except UnsupportedModelError as stop:
            raise _in_training(stop) if training else stop from stop.__cause__
        except Exception as problem:
            failed = UnsupportedModelError(self.layers[-1], "forward", in_words(problem))
            raise (_in_training(failed) if training else failed) from problem
        finally:
            for hook in hooks:
                hook.remove()
            self._shadow.eval()

    def _enter(self, layer: str, _module: nn.Module, args: tuple[object, ...]) -> None:
        self.layers.append(layer)
        self.entered(layer, [value for value in args if isinstance(value, torch.Tensor)])

    def _leave(self, *_: object) -> None:
        self.layers.pop()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        args, kwargs = self._without_values(func, args, kwargs or {})
        if rule_of(func) is None:
            return self._decomposed(func, args, kwargs)
        out = self.called(func, args, kwargs)
        bound = _bind(func, args, kwargs)
        if func.overloadpacket.__name__ == "contiguous":
            # torch skips it where a tensor happens to lie that way, as after a cut to one head: it is no step
            self._origins[id(out)] = self.told(args[0])
            self._alive.append(out)
            self.passed_on(args[0], out)
            return out
        step = Step(self.layers[-1], str(func), tuple((name, self.told(value)) for name, value in bound.items()))
        for place, tensor in enumerate(tensors_in(out)):
            self._origins[id(tensor)] = ("step", self._count, place)
            self._alive.append(tensor)
        self._count += 1
        self.executed(step, func, bound, out)
        return out

    def _decomposed(self, func: Any, args: Any, kwargs: Any) -> Any:
        outermost, self.free = not self.free, True
        try:
            with self:
                out = func.decompose(*args, **kwargs)
        finally:
            if outermost:
                self.free = False
        if out is NotImplemented:
            raise UnsupportedModelError(self.layers[-1], str(func))
        return out

    def told(self, value: Any) -> Any:
        """An argument as plain data that can be compared and hashed."""
        if isinstance(value, torch.Tensor):
            if id(value) in self._origins:
                return self._origins[id(value)]
            if id(value) in self.names:
                return ("weight", self.names[id(value)])
            return ("constant", tuple(value.shape), None if value.is_meta else content_hash(value))
        if isinstance(value, (list, tuple)):
            return tuple(self.told(part) for part in value)
        plain = isinstance(value, (bool, int, float, str, type(None))) and value == value  # not NaN, equal to nothing
        return value if plain else str(value)

    def _without_values(self, func: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """A tensor that forward made on the CPU may meet those of the model: it goes on without its values, too."""
        given = [*tensors_in(args), *tensors_in(list(kwargs.values()))]
        if not any(t.is_meta for t in given) or all(t.is_meta or t.dim() == 0 for t in given):
            return args, kwargs
        if func._schema.is_mutable and not tensors_in(args)[0].is_meta:
            raise UnsupportedModelError(
                self.layers[-1], str(func), "it writes into a tensor that was made without naming the model's device"
            )
        return self._twinned(args), {name: self._twinned(value) for name, value in kwargs.items()}

    def _twinned(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor) and not value.is_meta and value.dim():
            if id(value) not in self._twins:
                twin = value.detach().to("meta")
                self._twins[id(value)] = twin
                self._origins[id(twin)] = self.told(value)
                self._alive += [value, twin]
                self.passed_on(value, twin)
            return self._twins[id(value)]
        return type(value)(map(self._twinned, value)) if type(value) in (list, tuple) else value


def tensors_in(value: Any) -> list[torch.Tensor]:
    """The tensors among an operation's arguments or results."""
    if isinstance(value, torch.Tensor):
        return [value]
    return [t for part in value for t in tensors_in(part)] if isinstance(value, (list, tuple)) else []


def rule_of(func: Any) -> Rule | None:
    """The rule that follows an operation, None if it has to be taken apart."""
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
    """A hash of a tensor's values."""
    plain = tensor.detach().cpu().contiguous()
    plain = torch.view_as_real(plain) if plain.is_complex() else plain
    return hashlib.sha256(plain.reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest()


def _in_training(stop: UnsupportedModelError) -> UnsupportedModelError:
    return UnsupportedModelError(stop.layer, f"{stop.operation} in training mode", stop.reason)
