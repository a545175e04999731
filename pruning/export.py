"""Export a module to a format of another runtime, and check that the exported file computes the same.

What the exported module returns:

* the tensor, if the module returns only one, however it is wrapped;
* a tuple, list or dict of tensors as the module returns it;
* a dict of all tensors by name (`pruning.outputs.named_tensors`) in place of anything nested or of a custom class,
  which not every format can hold.

ONNX outputs have names only: a single tensor is called `logits`, and those of a tuple by their position.
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import torch
from torch import nn

from pruning.errors import ExportError, describe_exception
from pruning.inputs import InputSize, made_inputs, ordered_names
from pruning.outputs import named_tensors

_TOLERANCE = 1e-3
_IMAGE, _ONLY = "image", "logits"
Inputs = tuple[torch.Tensor, ...]


class ExportFormat(StrEnum):
    """The formats; the value is the file's suffix."""

    ONNX = "onnx"
    TORCH_EXPORT = "pt2"
    TORCHSCRIPT = "torchscript"


@dataclass(frozen=True, slots=True)
class Exported:
    """An exported file, and the difference of its output on random input from torch's.

    Attributes:
        path: the file.
        format: its format.
        error: largest absolute difference, relative to the largest absolute output; the maximum over several tensors.
    """

    path: Path
    format: ExportFormat
    error: float


def export(module: nn.Module, input_size: InputSize, path: Path | str, kind: ExportFormat) -> Exported:
    """Export `module` in eval mode at batch 1, read the file back with the format's own runtime, and compare.

    Args:
        module: the model; it is moved to the CPU and put into eval mode.
        input_size: of each input.
        path: the file to write; its folder is created.
        kind: the format.

    Raises:
        ExportError: the format's packages are missing, the exporter failed, or the outputs differ by more than
            one part in a thousand.
        UnsupportedModelError: the module's output has a type that cannot be searched for tensors.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    subject = module.eval().cpu()
    inputs = _inputs(subject, input_size)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporters' many warnings concern their own internals
        output = subject(*inputs)
        expected = _named_outputs(output)
        if not expected:
            raise ExportError(f"this model returns a {type(output).__name__} without a tensor: nothing can be compared")
        names = [name or _IMAGE for name in ordered_names(subject, input_size)]
        try:
            written = _named_outputs(
                _WRITERS[kind](
                    _exportable(subject, output), tuple(t.clone() for t in inputs), target, names, list(expected)
                )
            )
        except ImportError as error:
            raise ExportError(
                f"writing {kind} needs {error.name}; `pip install onnx onnxruntime onnxscript` installs it"
            ) from error
        except Exception as error:
            raise ExportError(f"this model cannot be written as {kind}: {describe_exception(error)}") from error
    distance = _largest_difference(written, expected)
    if not distance <= _TOLERANCE:
        raise ExportError(
            f"{target} does not compute what the module does: its output differs by {distance:.1e} of the largest one"
        )
    return Exported(target, kind, distance)


def difference(first: nn.Module, second: nn.Module, input_size: InputSize) -> float:
    """The difference of the second module's output on random input from the first's, measured as `Exported.error`.

    Both modules are moved to the CPU and put into eval mode.
    """
    inputs = _inputs(first, input_size)
    with torch.inference_mode():
        return _largest_difference(
            _named_outputs(second.eval().cpu()(*inputs)), _named_outputs(first.eval().cpu()(*inputs))
        )


def _inputs(module: nn.Module, input_size: InputSize) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    return made_inputs(module, input_size, lambda shape: torch.randn(1, *shape, generator=generator))


def _named_outputs(output: object) -> dict[str, torch.Tensor]:
    """The tensors by name; a single tensor is called `logits`, however it is wrapped."""
    found = named_tensors(output)
    return {_ONLY: next(iter(found.values()))} if len(found) == 1 else found


def _largest_difference(written: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> float:
    """The maximum over all tensors; infinite if names or shapes differ."""
    if written.keys() != expected.keys():
        return math.inf
    return max(_tensor_difference(written[name], tensor) for name, tensor in expected.items())


def _tensor_difference(written: torch.Tensor, expected: torch.Tensor) -> float:
    if written.shape != expected.shape:
        return math.inf
    if not expected.numel():
        return 0.0
    # complex128 can represent every other type: outputs may be indices or booleans.
    first, second = written.to(torch.complex128), expected.to(torch.complex128)
    error = ((first - second).abs().max() / second.abs().max().clamp_min(1e-12)).item()
    return math.inf if math.isnan(error) else error


class _Flat(nn.Module):
    """Returns the only tensor of the module's output, or all its tensors by name."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor | dict[str, torch.Tensor]:
        found = named_tensors(self.module(*inputs))
        return found if len(found) > 1 else next(iter(found.values()))


def _exportable(module: nn.Module, output: object) -> nn.Module:
    """Return `module` if every format can hold its `output`, else a wrapper whose output every format can hold."""
    if isinstance(output, torch.Tensor):
        return module
    values: tuple[object, ...] = ()
    if isinstance(output, dict) and type(output) is dict and all(isinstance(name, str) for name in output):
        values = tuple(output.values())
    elif isinstance(output, (tuple, list)) and type(output) in (tuple, list):
        values = tuple(output)
    several = len(named_tensors(output)) == len(values) > 1
    return module if several and all(isinstance(value, torch.Tensor) for value in values) else _Flat(module)


def _onnx(module: nn.Module, inputs: Inputs, path: Path, sources: Sequence[str], names: Sequence[str]) -> object:
    import onnxruntime

    sources = [name if name not in names else f"{name}_in" for name in sources]
    program = torch.onnx.export(
        module, inputs, input_names=sources, output_names=list(names), dynamo=True, verbose=False
    )
    assert program is not None, "the exporter returns the program when it is given no path"
    for node in program.model.graph:
        for value in node.outputs:
            if value.name in names and not value.is_graph_output():  # an inner value that has an output's name
                value.name = f"{value.name}_inside"
    program.save(str(path), external_data=False)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    outputs = session.run(None, {name: tensor.numpy() for name, tensor in zip(sources, inputs, strict=True)})
    return {place.name: torch.from_numpy(array) for place, array in zip(session.get_outputs(), outputs, strict=True)}


def _torch_export(module: nn.Module, inputs: Inputs, path: Path, _sources: object, _names: object) -> object:
    torch.export.save(torch.export.export(module, inputs), path)
    return torch.export.load(path).module()(*inputs)


def _torchscript(module: nn.Module, inputs: Inputs, path: Path, _sources: object, _names: object) -> object:
    # Strict tracing rejects mutable outputs: lists and dicts.
    traced = torch.jit.trace(module, inputs, check_trace=False, strict=False)
    torch.jit.save(traced, str(path))
    return torch.jit.load(str(path))(*inputs)


# Module, inputs, path, the inputs' and the outputs' names → what the written module returns.
_WRITERS: dict[ExportFormat, Callable[[nn.Module, Inputs, Path, Sequence[str], Sequence[str]], object]] = {
    ExportFormat.ONNX: _onnx,
    ExportFormat.TORCH_EXPORT: _torch_export,
    ExportFormat.TORCHSCRIPT: _torchscript,
}
