"""The part of the benchmark that needs a GPU: about four minutes on an H100 with 16 cores.

It runs with plain PyTorch. Beside torch, torchvision, timm, numpy, scipy, safetensors and psutil, our modules import
pydantic (pydantic-core, annotated-types, typing-inspection, typing-extensions) and threadpoolctl, and nothing else:
neither Ray nor MLflow, fvcore nor Optuna.
"""

import gc
import json
import os
import statistics
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.training import bare
from benchmarks.training.jpegs import CLASSES, write_jpegs
from benchmarks.training.models import Measured, base_and_cut
from benchmarks.training.packed import packed
from benchmarks.training.synthetic import OneBatch
from trainers.datasets.base import Split
from trainers.datasets.imagefolder import ImageFolder
from trainers.loop import Training
from trainers.place import Place
from trainers.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    model: str = "resnet50"
    target: float = 2.06e9
    round_to: int = 8
    side: int = 224
    batch: int = 256
    images: int = 6144
    steps: int = 20
    turns: int = 2
    too_large: int = 6144
    seconds: float = 245.0
    seconds_before_compile: float = 200.0


DRY = Size("resnet18", 0.5, 8, 32, 8, 96, 3, 1, 64, 1200.0, 1200.0)
"""So small that a CPU gets through it in a minute: to see that everything runs."""


@dataclass(slots=True)
class Parts:
    """The figures so far; each part that ends is printed at once, and one that fails does not take the rest along."""

    began: float
    latest_s: float
    figures: dict[str, Any] = field(default_factory=dict)

    def measure(self, name: str, part: Callable[[], Any]) -> None:
        """Add a part's figures, or its error."""
        began = time.perf_counter()
        if began - self.began > self.latest_s:
            self.figures[name] = {"skipped": f"{began - self.began:.0f} s had passed"}
            return
        try:
            self.figures[name] = part()
        except Exception as error:  # noqa: BLE001  a boundary: the other parts are measured all the same
            self.figures[name] = {
                "error": f"{type(error).__name__}: {error}"[:500],
                "at": traceback.format_exc()[-900:],
            }
        self.figures.setdefault("part_s", {})[name] = round(time.perf_counter() - began, 1)
        self.figures["elapsed_s"] = round(time.perf_counter() - self.began, 1)
        print(
            json.dumps({"partial": name, name: self.figures[name], "elapsed_s": self.figures["elapsed_s"]}), flush=True
        )
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


class OnGpu:
    """All measurements on one device."""

    def __init__(self, size: Size, device: torch.device, folder: Path) -> None:
        self._size, self._device, self._place, self._folder = size, device, Place(device), folder
        self._models = base_and_cut(size.model, CLASSES, size.side, size.target, size.round_to)
        self._readers = max(1, len(os.sched_getaffinity(0)))
        self._computed: dict[str, float] = {}

    def run(self, parts: Parts) -> None:
        """Measure everything; what takes longest comes last, and is left out if the time is over."""
        parts.measure("images", self._images)
        parts.measure("compute", self._compute)
        parts.measure("jpegs", self._jpegs)
        parts.measure("memory", self._memory)
        parts.measure("packed_small", lambda: packed("small", self._device, dry=self._size is DRY))
        parts.measure("latency", self._latency)
        parts.measure("packed_large", lambda: packed("large", self._device, dry=self._size is DRY))
        parts.latest_s = self._size.seconds_before_compile
        parts.measure("compile", self._compile)

    def _images(self) -> dict[str, Any]:
        write_jpegs(self._folder, self._size.images)
        sizes = [path.stat().st_size for path in (self._folder / "train").rglob("*.jpg")]
        return {"count": len(sizes), "mean_kib": round(statistics.mean(sizes) / 1024, 1)}

    def _compute(self) -> dict[str, Any]:
        """Images a second of our loop and of the plain one, without any reading of files, in turns."""
        found: dict[str, Any] = {}
        for model in self._models:
            ours, theirs = list[float](), list[float]()
            for _ in range(self._size.turns):
                ours.append(self._ours(model, self._synthetic(), epochs=2)[-1]["images_per_s"])
                theirs.append(self._bare(model, self._synthetic().bare(), epochs=2)[-1])
            self._computed[model.name] = max(ours)
            found[model.name] = {"gmacs": model.macs / 1e9, **_compared(ours, theirs)}
        return found

    def _jpegs(self) -> dict[str, Any]:
        """From real files: our readers and loop, and timm's loader and usual loop, in turns."""
        split = ImageFolder().splits(self._folder, seed=0, input_size=(3, self._size.side, self._size.side)).train
        steps = len(split) // self._size.batch
        side, batch = self._size.side, self._size.batch
        loader = bare.loader_of(self._folder, batch, side, self._readers, self._device)
        alone = {"ours": self._reading(split, steps), "timm": self._reading_timm(loader, steps)}
        found: dict[str, Any] = {"readers": self._readers, "loader_images_per_s": alone}
        for model in (self._models[0], self._models[-1]):
            ours, theirs, waits = list[float](), list[float](), list[float]()
            for _ in range(self._size.turns):
                epochs = self._ours(model, split, epochs=2)
                ours.append(epochs[-1]["images_per_s"])
                waits.append(epochs[-1]["waiting"])
                theirs.append(self._bare(model, loader, epochs=2, steps=steps)[-1])
            per_core = alone["ours"] / self._readers
            wanted = self._computed.get(model.name)
            found[model.name] = {
                **_compared(ours, theirs),
                "stall": min(waits),
                "loader_images_per_s_per_core": per_core,
                "cores_to_feed_it": None if wanted is None else wanted / per_core,
            }
        return found

    def _reading(self, split: Split, steps: int) -> float:
        """Images a second that our readers alone deliver, once they run."""
        order = torch.randperm(len(split)).split(self._size.batch)[:steps]
        batches = split.batches(order, place=self._place, augment=True, seed=0)
        return self._counted(batches)

    def _reading_timm(self, loader: Any, steps: int) -> float:
        return self._counted(batch for _, batch in zip(range(steps), loader, strict=False))

    def _counted(self, batches: Iterator[Any]) -> float:
        next(batches)
        began, seen = time.perf_counter(), 0
        for images, _ in batches:
            seen += len(images)
        self._wait()
        return seen / (time.perf_counter() - began)

    def _memory(self) -> dict[str, Any]:
        """A batch that cannot fit: the passes that are found, and whether the batch stays."""
        model, batch = self._models[0], self._size.too_large
        pixels = torch.randn((batch, 3, self._size.side, self._size.side), device=self._device)
        split = OneBatch(pixels, batch * 2, CLASSES)
        training = Training(model.fresh(), split, self._recipe(1, batch=batch), seed=0, place=self._place)
        self._reset_peak()
        (epoch,) = training.epochs()
        whole = self._peak_of_usual_batch()
        return {
            "batch": batch,
            "micro_batch": training.micro_batch,
            "passes": -(-batch // (training.micro_batch or batch)),
            "steps": training.steps_per_epoch,
            "train_loss": epoch.train_loss,
            "images_per_s": epoch.images_per_s,
            "peak_gib": whole,
        }

    def _peak_of_usual_batch(self) -> dict[str, float]:
        found = {}
        for model in self._models:
            for name, more in (("", {}), ("_bf16_off", {"precision": "fp32", "channels_last": False})):
                self._reset_peak()
                self._ours(model, self._synthetic(steps=2), epochs=1, **more)
                found[model.name + name] = self._peak_gib()
        return found

    def _latency(self) -> dict[str, Any]:
        """Milliseconds of a forward pass in bf16 and channels_last, and in float32."""
        found: dict[str, Any] = {}
        for batch in (1, 64):
            for model in self._models:
                module = model.fresh().to(self._device).eval()
                for bf16 in (False, True):
                    name = f"{model.name}_batch{batch}_{'bf16' if bf16 else 'fp32'}"
                    found[name] = self._forward_ms(module, batch, bf16=bf16)
        return found

    def _forward_ms(self, module: nn.Module, batch: int, *, bf16: bool) -> float:
        layout = torch.channels_last if bf16 else torch.contiguous_format
        module = module.to(memory_format=layout)
        images = torch.randn((batch, 3, self._size.side, self._size.side), device=self._device)
        images = images.to(memory_format=layout)
        times = []
        with torch.inference_mode(), torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=bf16):
            for _ in range(5 + self._size.steps):
                began = time.perf_counter()
                module(images)
                self._wait()
                times.append((time.perf_counter() - began) * 1e3)
        return statistics.median(times[5:])

    def _compile(self) -> dict[str, Any]:
        """With torch.compile; the first epoch, which compiles, is timed apart."""
        found = {}
        for model in (self._models[-1],):
            began = time.perf_counter()
            _, second = self._ours(model, self._synthetic(), epochs=2, compile=True)
            found[model.name] = {
                "images_per_s": second["images_per_s"],
                "over_plain": second["images_per_s"] / self._computed[model.name],
                "first_epoch_s": time.perf_counter() - began - second["wall_s"],
            }
        return found

    def _recipe(self, epochs: int, *, batch: int | None = None, **more: Any) -> Recipe:
        """What a user gets who sets nothing but the batch: bf16 and channels_last on GPUs."""
        fields = {"batch_size": batch or self._size.batch, "epochs": epochs, "warmup_epochs": 0.5, "lr": 0.01}
        return Recipe(weight_decay=1e-4, label_smoothing=0.1).override(**fields, **more)

    def _ours(self, model: Measured, split: Split, *, epochs: int, **more: Any) -> list[dict[str, float]]:
        training = Training(model.fresh(), split, self._recipe(epochs, **more), seed=0, place=self._place)
        return [{"images_per_s": e.images_per_s, "waiting": e.waiting, "wall_s": e.wall_s} for e in training.epochs()]

    def _bare(self, model: Measured, loader: Any, *, epochs: int, steps: int = 10**9) -> list[float]:
        fast = self._device.type == "cuda"
        layout = torch.channels_last if fast else torch.contiguous_format
        module = model.fresh().to(self._device, memory_format=layout)  # type: ignore[call-overload]
        return bare.train(module, loader, epochs, self._device, steps=steps, fast=fast)

    def _synthetic(self, steps: int | None = None) -> OneBatch:
        batch, side = self._size.batch, self._size.side
        pixels = torch.randn((batch, 3, side, side), device=self._device)
        return OneBatch(pixels, batch * (steps or self._size.steps), CLASSES)

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def _reset_peak(self) -> None:
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self._device)

    def _peak_gib(self) -> float:
        return torch.cuda.max_memory_allocated(self._device) / 2**30 if self._device.type == "cuda" else 0.0


def _compared(ours: list[float], theirs: list[float]) -> dict[str, Any]:
    return {
        "ours_images_per_s": [round(value) for value in ours],
        "timm_images_per_s": [round(value) for value in theirs],
        "vs_timm_script": statistics.median(ours) / statistics.median(theirs),
    }


def measured_on_gpu(folder: Path, *, dry: bool) -> dict[str, Any]:
    """All figures of the GPU part; on the CPU and tiny if `dry`."""
    if not dry and not torch.cuda.is_available():
        return {"skipped": "no GPU"}
    size = DRY if dry else Size()
    parts = Parts(time.perf_counter(), size.seconds)
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    parts.figures["device"] = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    torch.backends.cudnn.benchmark = device.type == "cuda"
    OnGpu(size, device, folder).run(parts)
    return parts.figures
