"""A pruned module as a program of torch: it opens where neither this project nor the model's own library is installed.

`torch.export` writes the graph with its weights. It takes any number of images at once where the module can be traced
so; a module that is bound to one image is written for one, which `Program.batch` says.
"""

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from pruning.checkpoint import PrunedModel
from pruning.errors import ExportError, describe_exception
from pruning.outputs import logits_of

_log = logging.getLogger(__name__)
_TOLERANCE = 1e-3
_TRACED, _CHECKED = 2, 3
"""Images in a batch: when the graph is traced, and when it is checked, so that a size that was baked in shows."""


@dataclass(frozen=True, slots=True)
class Program:
    """A written program.

    Attributes:
        path: the file.
        input_size: channels, height and width of an image.
        classes: number of logits for each image.
        batch: images at a time; None for any number.
        error: largest difference of its logits from the module's, as a share of the largest logit.
        torch: the version that wrote it.
    """

    path: Path
    input_size: tuple[int, int, int]
    classes: int
    batch: int | None
    error: float
    torch: str


def write_program(pruned: PrunedModel, path: Path) -> Program:
    """Write a module, in eval mode and on the CPU, whose only output is its logits; read it back and compare.

    Args:
        pruned: the model.
        path: the file to write, which ends in `.pt2`.

    Raises:
        ExportError: the module cannot be traced, or what was written computes something else.
    """
    module = _Logits(pruned.module, pruned.spec.output).eval().cpu()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's many warnings concern its own internals
        try:
            batch, images = None, _images(_CHECKED, pruned.spec.image_size)
            traced = _traced(module, pruned.spec.image_size)
        except Exception as error:  # noqa: BLE001  the exporter raises what it meets
            _log.info("written for one image at a time: with more, %s", describe_exception(error))
            batch, images = 1, _images(1, pruned.spec.image_size)
            try:
                traced = torch.export.export(module, (images,))
            except Exception as alone:
                raise ExportError(f"this model cannot be traced: {describe_exception(alone)}") from alone
        torch.export.save(traced, path)
        expected, written = module(images), torch.export.load(path).module()(images)
    largest = float((written - expected).abs().max() / expected.abs().max().clamp_min(1e-12))
    if not largest <= _TOLERANCE:
        raise ExportError(f"{path} differs from the module by {largest:.1e} of the largest logit")
    return Program(path, pruned.spec.image_size, expected.shape[1], batch, largest, str(torch.__version__))


def _traced(module: nn.Module, input_size: tuple[int, int, int]) -> torch.export.ExportedProgram:
    sizes = ({0: torch.export.Dim("batch", min=1)},)
    return torch.export.export(module, (_images(_TRACED, input_size),), dynamic_shapes=sizes)


def _images(count: int, input_size: tuple[int, int, int]) -> Tensor:
    return torch.randn(count, *input_size, generator=torch.Generator().manual_seed(0))


class _Logits(nn.Module):
    """Returns the logits alone, whatever else the module returns."""

    def __init__(self, module: nn.Module, output: str | None) -> None:
        super().__init__()
        self.module = module
        self._output = output

    def forward(self, images: Tensor) -> Tensor:
        return logits_of(self.module(images), self._output)
