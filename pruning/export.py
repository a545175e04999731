"""Write a module for runtimes that know nothing of us, and check that what was written computes the same.

What a written module returns: the tensor, where the module returns only one, in whatever wrapping; a tuple, list or
dict of tensors as the module returns it; and a dict of all tensors by name (`pruning.outputs.named_tensors`) in place
of anything nested or of a class of its own, which not every format holds. ONNX knows names only: the only tensor is
called `logits`, and those of a tuple by their position.
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import torch
from torch import nn

from pruning.errors import ExportError
from pruning.outputs import named_tensors

_TOLERANCE = 1e-3
_IMAGE, _ONLY = "image", "logits"


class ExportFormat(StrEnum):
    """What can be written; the value is the file's suffix."""

    ONNX = "onnx"
    TORCH_EXPORT = "pt2"
    TORCHSCRIPT = "torchscript"


@dataclass(frozen=True, slots=True)
class Exported:
    """A written file and how far its output on random input was from torch's.

    Attributes:
        error: largest absolute difference, relative to the largest absolute output; of several tensors the worst.
    """

    path: Path
    format: ExportFormat
    error: float


def export(module: nn.Module, input_size: tuple[int, int, int], path: Path | str, kind: ExportFormat) -> Exported:
    """Write `module` in eval mode at batch 1, read it back with the format's own runtime, and compare.

    Raises:
        ExportError: the format's packages are missing, the exporter failed, or the outputs differ by more than
            one part in a thousand.
        UnsupportedModelError: the module returns something in which tensors cannot be found.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    image = _image(input_size)
    subject = module.eval().cpu()
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # exporters warn about themselves, at length
        output = subject(image)
        expected = _named(output)
        if not expected:
            raise ExportError(f"this model returns a {type(output).__name__} without a tensor: nothing can be compared")
        try:
            written = _named(_WRITERS[kind](_writable(subject, output), image.clone(), target, list(expected)))
        except ImportError as problem:
            raise ExportError(
                f"writing {kind} needs {problem.name}; `pip install espalier[onnx]` brings it"
            ) from problem
        except Exception as problem:
            reason = " ".join(f"{type(problem).__name__}: {problem}".split())[:300]
            raise ExportError(f"this model cannot be written as {kind}: {reason}") from problem
    error = _relative(written, expected)
    if not error <= _TOLERANCE:
        raise ExportError(f"{target} does not compute what the module does: its output is {error:.1e} away")
    return Exported(target, kind, error)


def difference(first: nn.Module, second: nn.Module, input_size: tuple[int, int, int]) -> float:
    """How far the second's output on random input is from the first's, as `Exported.error` says it. In eval mode."""
    image = _image(input_size)
    with torch.inference_mode():
        return _relative(_named(second.eval().cpu()(image)), _named(first.eval().cpu()(image)))


def _image(input_size: tuple[int, int, int]) -> torch.Tensor:
    return torch.randn(1, *input_size, generator=torch.Generator().manual_seed(0))


def _named(output: object) -> dict[str, torch.Tensor]:
    """The tensors by name; the only one is the logits, whatever it lies in."""
    found = named_tensors(output)
    return {_ONLY: next(iter(found.values()))} if len(found) == 1 else found


def _relative(written: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> float:
    """The worst over all tensors; infinite where they are not the same ones, or of other shapes."""
    if written.keys() != expected.keys():
        return math.inf
    return max(_apart(written[name], tensor) for name, tensor in expected.items())


def _apart(written: torch.Tensor, expected: torch.Tensor) -> float:
    if written.shape != expected.shape:
        return math.inf
    if not expected.numel():
        return 0.0
    # a type that holds every other: outputs may be indices or truth values
    first, second = written.to(torch.complex128), expected.to(torch.complex128)
    error = ((first - second).abs().max() / second.abs().max().clamp_min(1e-12)).item()
    return math.inf if math.isnan(error) else error


class _Flat(nn.Module):
    """Returns the only tensor of what `module` returns, or all of them by name."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, image: torch.Tensor) -> torch.Tensor | dict[str, torch.Tensor]:
        found = named_tensors(self.module(image))
        return found if len(found) > 1 else next(iter(found.values()))


def _writable(module: nn.Module, output: object) -> nn.Module:
    """`module`, which returned `output`, or one around it that returns what every format holds."""
    if isinstance(output, torch.Tensor):
        return module
    values: tuple[object, ...] = ()
    if isinstance(output, dict) and type(output) is dict and all(isinstance(name, str) for name in output):
        values = tuple(output.values())
    elif isinstance(output, (tuple, list)) and type(output) in (tuple, list):
        values = tuple(output)
    several = len(named_tensors(output)) == len(values) > 1
    return module if several and all(isinstance(value, torch.Tensor) for value in values) else _Flat(module)


def _onnx(module: nn.Module, image: torch.Tensor, path: Path, names: Sequence[str]) -> object:
    import onnxruntime

    source = _IMAGE if _IMAGE not in names else f"{_IMAGE}_in"
    program = torch.onnx.export(
        module, (image,), input_names=[source], output_names=list(names), dynamo=True, verbose=False
    )
    assert program is not None, "without a path the program is handed back"
    for node in program.model.graph:
        for value in node.outputs:
            if value.name in names and not value.is_graph_output():  # the exporter's own name for a step
                value.name = f"{value.name}_inside"
    program.save(str(path), external_data=False)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    outputs = session.run(None, {source: image.numpy()})
    return {place.name: torch.from_numpy(array) for place, array in zip(session.get_outputs(), outputs, strict=True)}


def _torch_export(module: nn.Module, image: torch.Tensor, path: Path, _names: Sequence[str]) -> object:
    torch.export.save(torch.export.export(module, (image,)), path)
    return torch.export.load(path).module()(image)


def _torchscript(module: nn.Module, image: torch.Tensor, path: Path, _names: Sequence[str]) -> object:
    # strict refuses every output in which a value could change, lists and dicts
    traced = torch.jit.trace(module, image, check_trace=False, strict=False)
    torch.jit.save(traced, str(path))
    return torch.jit.load(str(path))(image)


# Module, image, path and the outputs' names → what the written module returns.
_WRITERS: dict[ExportFormat, Callable[[nn.Module, torch.Tensor, Path, Sequence[str]], object]] = {
    ExportFormat.ONNX: _onnx,
    ExportFormat.TORCH_EXPORT: _torch_export,
    ExportFormat.TORCHSCRIPT: _torchscript,
}
