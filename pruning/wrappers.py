"""Take a module out of what others wrapped around it: parallel, compiled, averaged and reparametrised modules.

What cannot be taken out, because it is no longer made of torch's layers, is refused by name.
"""

from collections.abc import Callable, Iterator

import torch
from torch import nn
from torch.ao.nn.quantized import FloatFunctional
from torch.ao.quantization import DeQuantStub, QuantStub
from torch.nn.parallel import DistributedDataParallel
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm
from torch.optim.swa_utils import AveragedModel

from pruning.cloning import clone_structure
from pruning.errors import UnusableModuleError

_AROUND = (nn.DataParallel, DistributedDataParallel, AveragedModel)
_QUANTISED = ("torch.ao.nn.quantized", "torch.ao.nn.qat", "torch.ao.nn.intrinsic", "torch.ao.quantization")


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the module inside wrappers; `model` itself if there are none. Its weights are shared, it is not changed.

    Wrappers of layers inside the model are taken out of a copy of its structure. Reparametrised weights (weight norm,
    spectral norm) become the plain weights that they have now.

    Raises:
        UnusableModuleError: a script module, a quantised one, or a layer that was never run and has no shape yet.
    """
    model = _inner(model)
    _refuse_what_cannot_be(model)
    if not any(_is_around(module) or _undone(module) for module in model.modules()):
        return model
    # With the very tensors of the model, so that only its structure is copied; but undoing writes into some.
    written = {id(tensor) for module in model.modules() if _undone(module) for tensor in module.parameters()}
    tensors = (*model.parameters(), *model.buffers())
    plain = clone_structure(model, {id(tensor): tensor for tensor in tensors if id(tensor) not in written})
    for module in list(plain.modules()):
        vars(module).pop("_compiled_call_impl", None)
        for name, child in list(module.named_children()):
            if _inner(child) is not child:
                setattr(module, name, _inner(child))
    for module in list(plain.modules()):
        if parametrize.is_parametrized(module):
            # Each such layer has a class of its own, which the original and its copy share, and which is undone, too.
            own = {name: value for name, value in vars(type(module)).items() if name not in ("__dict__", "__weakref__")}
            module.__class__ = type(type(module).__name__, type(module).__bases__, own)
        for undo in _undone(module):
            undo()
    return plain


def _inner(module: nn.Module) -> nn.Module:
    while True:
        if isinstance(module, _AROUND):
            module = module.module
        elif isinstance(module, torch._dynamo.OptimizedModule):
            module = module._orig_mod
        else:
            return module


def _is_around(module: nn.Module) -> bool:
    return any(_inner(child) is not child for child in module.children()) or (
        vars(module).get("_compiled_call_impl") is not None
    )


def _undone(module: nn.Module) -> list[Callable[[], object]]:
    """What makes the reparametrised weights of a layer plain ones."""
    if parametrize.is_parametrized(module):
        names = list(module.parametrizations)  # type: ignore[arg-type]
        return [_parametrization(module, name) for name in names]
    hooks = [hook for hook in module._forward_pre_hooks.values() if isinstance(hook, WeightNorm | SpectralNorm)]
    return [_hook(module, hook) for hook in hooks]


def _parametrization(module: nn.Module, name: str) -> Callable[[], object]:
    return lambda: parametrize.remove_parametrizations(module, name, leave_parametrized=True)


def _hook(module: nn.Module, hook: WeightNorm | SpectralNorm) -> Callable[[], object]:
    def undo() -> None:
        remove = nn.utils.remove_weight_norm if isinstance(hook, WeightNorm) else nn.utils.remove_spectral_norm
        remove(module, hook.name)

    return undo


def _refuse_what_cannot_be(model: nn.Module) -> None:
    for name, what, advice in _unusable(model):
        raise UnusableModuleError(name, what, advice)


def _is_unused_stub(module: nn.Module) -> bool:
    """Whether it marks a place for quantisation, and computes in floating point as long as no observer is there."""
    if isinstance(module, FloatFunctional):
        return type(module.activation_post_process) is nn.Identity
    return isinstance(module, QuantStub | DeQuantStub) and not hasattr(module, "activation_post_process")


def _unusable(model: nn.Module) -> Iterator[tuple[str, str, str]]:
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            yield (
                name,
                "a script module",
                "TorchScript holds compiled code instead of layers: name the module that was scripted or traced",
            )
        if isinstance(module, torch.fx.GraphModule) and "train" in vars(module):
            yield name, "a program of torch.export", "Its modes are fixed: name the module that was exported"
        quantised = type(module).__module__.startswith(_QUANTISED) or hasattr(module, "activation_post_process")
        if quantised and not _is_unused_stub(module):
            yield (
                name,
                f"a {type(module).__name__}",
                "It is quantised, or prepared for it: prune the model first, and quantise the result",
            )
        if any(is_lazy(tensor) for tensor in (*module._parameters.values(), *module._buffers.values())):
            yield (
                name,
                f"a {type(module).__name__}",
                "A lazy layer has no shape before its first run: run the model once, on one batch",
            )
