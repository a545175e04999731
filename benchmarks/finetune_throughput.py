"""Measure training images per second on a GPU: plain float32, then each option of a recipe that should help.

    python -m benchmarks.finetune_throughput [--model resnet50] [--batch 256] [--steps 30]

The images are random and already on the GPU, so this measures the loop and the options, not the reading
of files. The last line is one JSON object; without a GPU it is {"skipped": "no GPU", …}.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from pruning.models import ModelSpec, create_model
from trainers.datasets.base import Batch, Split
from trainers.loop import Training
from trainers.place import Place
from trainers.recipe import Precision, Recipe

_OPTIONS: dict[str, dict[str, object]] = {
    "fp32": {},
    "bf16": {"precision": Precision.BF16},
    "bf16_channels_last": {"precision": Precision.BF16, "channels_last": True},
    "bf16_channels_last_compile": {"precision": Precision.BF16, "channels_last": True, "compile": True},
}


@dataclass(frozen=True, slots=True)
class Throughput:
    """One setting's figures: images per second over the second epoch (the first warms up), and peak memory."""

    images_per_s: float
    peak_gib: float


def main() -> None:
    """Run the benchmark and print a table and a JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--steps", type=int, default=30, help="steps of each measured epoch")
    parser.add_argument("--side", type=int, default=224)
    given = parser.parse_args()
    if not torch.cuda.is_available():
        print(json.dumps({"skipped": "no GPU", "model": given.model}))
        return
    results = dict(_measure(given.model, given.batch, given.steps, given.side))
    print(f"{'option':28} {'images/s':>10} {'peak GiB':>9}")
    for name, result in results.items():
        print(f"{name:28} {result.images_per_s:10.0f} {result.peak_gib:9.1f}")
    report = {
        "model": given.model,
        "batch": given.batch,
        "gpu": torch.cuda.get_device_name(),
        "results": {name: asdict(result) for name, result in results.items()},
        "speedup": max(r.images_per_s for r in results.values()) / results["fp32"].images_per_s,
    }
    print(json.dumps(report))


def _measure(model: str, batch: int, steps: int, side: int) -> Iterator[tuple[str, Throughput]]:
    place = Place(torch.device("cuda", torch.cuda.current_device()))
    spec = ModelSpec(model, 1000, (3, side, side))
    split = _OneBatch(torch.randn((batch, 3, side, side), device=place.device), batch * steps)
    for name, options in _OPTIONS.items():
        recipe = Recipe(batch_size=batch, epochs=2, warmup_epochs=1, lr=0.01, augment=False).override(**options)
        torch.cuda.reset_peak_memory_stats()
        _, second = Training(create_model(spec), split, recipe, seed=0, place=place).epochs()
        yield name, Throughput(len(split) / second.wall_s, torch.cuda.max_memory_allocated() / 2**30)


class _OneBatch(Split):
    """A dataset split that returns one batch of images as every batch of an epoch."""

    def __init__(self, pixels: Tensor, length: int) -> None:
        self._pixels, self._length = pixels, length

    @property
    def labels(self) -> Tensor:
        return torch.arange(self._length) % 1000

    def batches(
        self,
        index_batches: Sequence[Tensor],
        *,
        place: Place,
        augment: bool,
        seed: int,
        first: int = 0,
        lenient: bool = False,
    ) -> Iterator[Batch]:
        targets = torch.arange(len(self._pixels), device=place.device) % 1000
        return ((self._pixels, targets) for _ in index_batches[first:])

    def images(self, indices: Tensor) -> Tensor:
        return self._pixels[indices % len(self._pixels)].cpu()

    def fingerprint(self) -> str:
        return f"{tuple(self._pixels.shape)} × {self._length}"


if __name__ == "__main__":
    main()
