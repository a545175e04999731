"""Write a module for runtimes that know nothing of us, and check that what was written computes the same."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import torch
from torch import nn

from pruning.errors import ExportError

_TOLERANCE = 1e-3


class ExportFormat(StrEnum):
    """What can be written; the value is the file's suffix."""

    ONNX = "onnx"
    TORCH_EXPORT = "pt2"
    TORCHSCRIPT = "torchscript"


@dataclass(frozen=True, slots=True)
class Exported:
    """A written file and how far its output on random input was from torch's.

    Attributes:
        error: largest absolute difference, relative to the largest absolute output.
    """

    path: Path
    format: ExportFormat
    error: float


def export(module: nn.Module, input_size: tuple[int, int, int], path: Path | str, kind: ExportFormat) -> Exported:
    """Write `module` in eval mode at batch 1, read it back with the format's own runtime, and compare.

    Raises:
        ExportError: the format's packages are missing, the exporter failed, or the outputs differ by more than
            one part in a thousand.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    image = _image(input_size)
    subject = module.eval().cpu()
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # exporters warn about themselves, at length
        expected = subject(image)
        try:
            written = _WRITERS[kind](subject, image.clone(), target)
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
        return _relative(second.eval().cpu()(image), first.eval().cpu()(image))


def _image(input_size: tuple[int, int, int]) -> torch.Tensor:
    return torch.randn(1, *input_size, generator=torch.Generator().manual_seed(0))


def _relative(written: torch.Tensor, expected: torch.Tensor) -> float:
    return ((written - expected).abs().max() / expected.abs().max().clamp_min(1e-12)).item()


def _onnx(module: nn.Module, image: torch.Tensor, path: Path) -> torch.Tensor:
    import onnxruntime

    torch.onnx.export(
        module, (image,), str(path), input_names=["image"], output_names=["logits"], dynamo=True, verbose=False,
        external_data=False,
    )  # fmt: skip
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {"image": image.numpy()})[0])


def _torch_export(module: nn.Module, image: torch.Tensor, path: Path) -> torch.Tensor:
    torch.export.save(torch.export.export(module, (image,)), path)
    output: torch.Tensor = torch.export.load(path).module()(image)
    return output


def _torchscript(module: nn.Module, image: torch.Tensor, path: Path) -> torch.Tensor:
    traced = torch.jit.trace(module, image, check_trace=False)
    torch.jit.save(traced, str(path))
    output: torch.Tensor = torch.jit.load(str(path))(image)
    return output


_WRITERS: dict[ExportFormat, Callable[[nn.Module, torch.Tensor, Path], torch.Tensor]] = {
    ExportFormat.ONNX: _onnx,
    ExportFormat.TORCH_EXPORT: _torch_export,
    ExportFormat.TORCHSCRIPT: _torchscript,
}
