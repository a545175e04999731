"""The verb `latency`: base and pruned model side by side, because fewer MACs are not always faster."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import say, say_json, show_table
from cli.devices import DeviceOption, device_of
from cli.option_types import (
    ArchitectureOption,
    ClassesOption,
    InputSizeOption,
    JsonOption,
    SourceOption,
    TrustFactoryOption,
    TrustOption,
)
from search.errors import ConfigError

if TYPE_CHECKING:
    import torch

    from trainers.latency import LatencyComparison

MOST_IMAGES = 2**20
FORMATS = ("contiguous", "channels_last")
DISAPPOINTING = 0.5
"""A speedup below this share of the ratio of MACs is explained."""


def command(
    checkpoint: SourceOption,
    batch_size: Annotated[str, typer.Option(help="Images of a forward pass; several, separated by commas.")] = "1,8",
    threads: Annotated[str, typer.Option(help="torch's threads on a CPU; several, separated by commas.")] = "1",
    memory_format: Annotated[str, typer.Option(help="contiguous, channels_last, or both.")] = "contiguous",
    device: DeviceOption = "auto",
    repeats: Annotated[int, typer.Option(min=5, help="Measured passes of each model, in turns.")] = 50,
    model: ArchitectureOption = None,
    input_size: InputSizeOption = None,
    num_classes: ClassesOption = None,
    trust_pickle: TrustOption = False,
    trust_factory: TrustFactoryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a pruned model beside its base: fewer MACs are not always faster."""
    from cli.opening import ModelSource, open_model
    from pruning.models import create_model
    from pruning.planning import build_plan
    from trainers.latency import compare_latency

    settings = _settings(batch_size, threads, memory_format, device)
    source = ModelSource(checkpoint, model, num_classes, input_size, trust_pickle, trusted=tuple(trust_factory or ()))
    pruned = open_model(source)
    base = create_model(pruned.spec)
    baseline = build_plan(base, pruned.spec, verify=False).baseline_macs
    measured = [
        compare_latency(
            base,
            pruned.module,
            pruned.spec.image_size,
            batch_size=batch,
            threads=count,
            repeats=repeats,
            device=settings.device,
            channels_last=form == "channels_last",
        )
        for batch, count, form in settings.combinations()
    ]
    if as_json:
        sides = [{"base": asdict(one.first), "pruned": asdict(one.second), "speedup": one.speedup} for one in measured]
        say_json({"model": pruned.spec.name, "base_macs": baseline, "macs": pruned.macs, "settings": sides})
        return
    show_table(
        f"{pruned.spec.name} at {pruned.spec.size_text} {_where(settings.device)}, ms per batch: median (p95)",
        ("batch", "threads", "memory format", "base", "pruned", "speedup"),
        [_row(one) for one in measured],
        text=("memory format",),
    )
    promised = baseline / pruned.macs
    say(f"MACs: {baseline:,} → {pruned.macs:,}, {promised:.2f}× fewer. Speedup: the median of the turns.")
    if any(one.speedup < DISAPPOINTING * promised for one in measured):
        say(
            "The speedup is far less than the MACs promise: the time goes elsewhere, into memory traffic, launching "
            "small operations, or widths that fit no vector unit. A search with --round-to 8 or 16 keeps widths that "
            "hardware likes; larger batches spread the fixed costs."
        )


@dataclass(frozen=True, slots=True)
class Settings:
    """What to measure: every combination of the three lists.

    Attributes:
        batch_sizes: images per pass.
        threads: torch's threads, on a CPU.
        formats: memory formats of weights and images.
        device: where to measure.
    """

    batch_sizes: tuple[int, ...]
    threads: tuple[int, ...]
    formats: tuple[str, ...]
    device: "torch.device"

    def combinations(self) -> Iterator[tuple[int, int, str]]:
        """Batch size, threads and memory format of each measurement; threads matter to CPUs only."""
        threads = self.threads if self.device.type == "cpu" else self.threads[:1]
        return product(self.batch_sizes, threads, self.formats)


def _settings(batch_sizes: str, threads: str, memory_formats: str, device: str) -> Settings:
    formats = tuple(part.strip() for part in memory_formats.split(",") if part.strip())
    if not formats or not set(formats) <= set(FORMATS):
        raise ConfigError(f"--memory-format {memory_formats!r} is not known: {', '.join(FORMATS)} would work.")
    # More threads than the machine has CPUs measure nothing, and a million of them end the process.
    most = os.cpu_count() or 1
    return Settings(
        _numbers("--batch-size", batch_sizes, MOST_IMAGES),
        _numbers("--threads", threads, most),
        formats,
        device_of(device),
    )


def _where(device: "torch.device") -> str:
    import torch

    return f"on {torch.cuda.get_device_name(device)}" if device.type == "cuda" else "on this CPU"


def _row(one: "LatencyComparison") -> tuple[str, ...]:
    form = "channels_last" if one.first.channels_last else "contiguous"
    times = (f"{side.median_ms:.2f} ({side.p95_ms:.2f})" for side in (one.first, one.second))
    threads = str(one.first.threads) if one.first.device == "cpu" else "–"
    return (str(one.first.batch_size), threads, form, *times, f"{one.speedup:.2f}×")


def _numbers(option: str, text: str, most: int) -> tuple[int, ...]:
    parts: Sequence[str] = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ConfigError(f"{option} {text!r} cannot be used: give one or more positive numbers, as in {option} 1,8.")
    numbers = tuple(dict.fromkeys(map(int, parts)))
    if max(numbers) > most:
        raise ConfigError(f"{option} {text!r} cannot be used: at most {most:,} would work here.")
    return numbers
