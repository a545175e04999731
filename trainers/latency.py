"""How long a forward pass takes, and how two models compare on a machine that other processes use too."""

import math
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import torch
from torch import nn

from pruning.cloning import clone_structure
from trainers.datasets.base import InputSize
from trainers.errors import TrainerError
from trainers.memory import out_of_memory
from trainers.place import check_threads

WARMUP, REPEATS = 10, 50
_BYTES_PER_VALUE = 4


@dataclass(frozen=True, slots=True)
class Latency:
    """Wall-clock time of a forward pass in milliseconds per batch, with the input already on the device.

    Attributes:
        median_ms: half of the passes were faster.
        p95_ms: 95 of 100 passes were faster.
        min_ms: the fastest pass: what the machine can do undisturbed.
        batch_size: images per pass.
        threads: torch's threads within an operation (CPU only).
        repeats: passes measured, after the warm-up.
        device: where it ran.
        channels_last: memory format of weights and images.
    """

    median_ms: float
    p95_ms: float
    min_ms: float
    batch_size: int
    threads: int
    repeats: int
    device: str
    channels_last: bool


@dataclass(frozen=True, slots=True)
class LatencyComparison:
    """Two models measured in turns, so that a disturbance of the machine affects both.

    Attributes:
        first: for example the base model.
        second: for example the pruned one.
        speedup: median over the turns of first / second; above 1 the second is faster.
    """

    first: Latency
    second: Latency
    speedup: float


def measure_latency(
    model: nn.Module,
    input_size: InputSize,
    *,
    batch_size: int = 1,
    threads: int | None = None,
    repeats: int = REPEATS,
    warmup: int = WARMUP,
    device: torch.device | None = None,
    channels_last: bool = False,
) -> Latency:
    """Time a model in eval mode on random images.

    Args:
        model: is not changed: a copy is measured.
        input_size: channels, height and width of an image.
        batch_size: images per pass.
        threads: torch's threads; None leaves its setting.
        repeats: measured passes.
        warmup: passes before them, not measured.
        device: None takes the model's own.
        channels_last: memory format of weights and images.

    Raises:
        TrainerError: a number is out of its range.
    """
    setting = _Setting(input_size, batch_size, repeats, warmup, device or _device_of(model), channels_last)
    with _threads(threads), _fitting(setting), torch.inference_mode():
        run = setting.runner(model)
        times = [_timed(run, setting.device) for _ in range(repeats)]
        return setting.summary(times)


def compare_latency(
    first: nn.Module,
    second: nn.Module,
    input_size: InputSize,
    *,
    batch_size: int = 1,
    threads: int | None = None,
    repeats: int = REPEATS,
    warmup: int = WARMUP,
    device: torch.device | None = None,
    channels_last: bool = False,
) -> LatencyComparison:
    """Time two models in turns, one pass each; the order within a turn alternates.

    Arguments and errors are those of `measure_latency`.
    """
    setting = _Setting(input_size, batch_size, repeats, warmup, device or _device_of(first), channels_last)
    times: tuple[list[float], list[float]] = ([], [])
    with _threads(threads), _fitting(setting), torch.inference_mode():
        runs = setting.runner(first), setting.runner(second)
        for turn in range(repeats):
            for which in (0, 1) if turn % 2 == 0 else (1, 0):
                times[which].append(_timed(runs[which], setting.device))
        ratios = [a / b for a, b in zip(*times, strict=True)]
        return LatencyComparison(setting.summary(times[0]), setting.summary(times[1]), statistics.median(ratios))


@dataclass(frozen=True, slots=True)
class _Setting:
    input_size: InputSize
    batch_size: int
    repeats: int
    warmup: int
    device: torch.device
    channels_last: bool

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.repeats < 1 or self.warmup < 0:
            raise TrainerError(
                f"batch_size and repeats must be at least 1 and warmup at least 0, received {self.batch_size}, "
                f"{self.repeats} and {self.warmup}"
            )

    def runner(self, model: nn.Module) -> Callable[[], object]:
        """A warmed-up forward pass of `model` on its own random images."""
        memory_format = torch.channels_last if self.channels_last else torch.contiguous_format
        # A copy, so that measuring changes neither the model's mode nor its device nor its memory format.
        model = clone_structure(model, {}).to(self.device).to(memory_format=memory_format).eval()
        images = torch.rand((self.batch_size, *self.input_size), generator=torch.Generator().manual_seed(0))
        images = images.to(device=self.device, memory_format=memory_format)
        for _ in range(self.warmup):
            model(images)
        return lambda: model(images)

    def summary(self, times: list[float]) -> Latency:
        ordered = sorted(times)
        return Latency(
            median_ms=statistics.median(ordered),
            p95_ms=ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))],
            min_ms=ordered[0],
            batch_size=self.batch_size,
            threads=torch.get_num_threads(),
            repeats=self.repeats,
            device=str(self.device),
            channels_last=self.channels_last,
        )


def _timed(run: Callable[[], object], device: torch.device) -> float:
    _wait(device)
    began = time.perf_counter_ns()
    run()
    _wait(device)
    return (time.perf_counter_ns() - began) / 1e6


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def _fitting(setting: _Setting) -> Iterator[None]:
    """Say which batch does not fit into memory, before torch is killed for it where that can be known."""
    shape = (setting.batch_size, *setting.input_size)
    too_large = TrainerError(
        f"a batch of {setting.batch_size:,} images of {'×'.join(map(str, setting.input_size))} does not fit into the "
        "memory here: a smaller batch size would work"
    )
    # Drawn in this process's memory, whatever the device.
    if _BYTES_PER_VALUE * math.prod(shape) > psutil.virtual_memory().available:
        raise too_large
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise too_large from error


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(check_threads(count))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _device_of(model: nn.Module) -> torch.device:
    return next(model.parameters()).device
