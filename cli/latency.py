"""The verb `latency`: base and pruned model side by side, because fewer MACs are not always faster."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product

import torch

from cli.console import say, say_json, show_table
from cli.opening import Asked, open_model
from pruning.models import create_model
from pruning.planning import build_plan
from search.errors import ConfigError
from trainers.latency import LatencyComparison, compare_latency

FORMATS = ("contiguous", "channels_last")
DISAPPOINTING = 0.5
"""A speedup of less than this share of what the MACs promise is explained."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What to measure: every combination of the lists."""

    batch_sizes: tuple[int, ...]
    threads: tuple[int, ...]
    formats: tuple[str, ...]
    device: torch.device
    repeats: int


def read_settings(batch_sizes: str, threads: str, memory_formats: str, device: str, repeats: int) -> Settings:
    """Settings from the command line. Raises ConfigError with what was received."""
    formats = tuple(part.strip() for part in memory_formats.split(",") if part.strip())
    if not formats or not set(formats) <= set(FORMATS):
        raise ConfigError(f"--memory-format {memory_formats!r} is not known: {', '.join(FORMATS)} would work.")
    return Settings(
        _numbers("--batch-size", batch_sizes), _numbers("--threads", threads), formats, _device(device), repeats
    )


def run_latency(asked: Asked, settings: Settings, *, as_json: bool) -> int:
    """Measure base and pruned in turns; returns the exit code."""
    pruned = open_model(asked)
    base = create_model(pruned.spec)
    baseline = build_plan(base, pruned.spec, verify=False).baseline_macs
    # Threads matter to CPUs only; a GPU is measured once.
    threads = settings.threads if settings.device.type == "cpu" else settings.threads[:1]
    found = [
        compare_latency(
            base,
            pruned.module,
            pruned.spec.input_size,
            batch_size=batch,
            threads=count,
            repeats=settings.repeats,
            device=settings.device,
            channels_last=form == "channels_last",
        )
        for batch, count, form in product(settings.batch_sizes, threads, settings.formats)
    ]
    if as_json:
        say_json(
            {
                "model": pruned.spec.name,
                "base_macs": baseline,
                "macs": pruned.macs,
                "settings": [
                    {"base": asdict(one.first), "pruned": asdict(one.second), "speedup": one.speedup} for one in found
                ],
            }
        )
        return 0
    where = f"on {torch.cuda.get_device_name(settings.device)}" if settings.device.type == "cuda" else "on this CPU"
    show_table(
        f"{pruned.spec.name} at {'×'.join(map(str, pruned.spec.input_size))} {where}, ms a batch: median (p95)",
        ("batch", "threads", "memory format", "base", "pruned", "speedup"),
        [_row(one) for one in found],
        text=("memory format",),
    )
    promised = baseline / pruned.macs
    say(f"MACs: {baseline:,} → {pruned.macs:,}, {promised:.2f}× fewer. Speedup: the median of the turns.")
    if any(one.speedup < DISAPPOINTING * promised for one in found):
        say(
            "The speedup is far less than the MACs promise: the time goes elsewhere, into memory traffic, launching "
            "small operations, or widths that fit no vector unit. A search with --round-to 8 or 16 keeps widths that "
            "hardware likes; larger batches spread what is fixed."
        )
    return 0


def _row(one: LatencyComparison) -> tuple[str, ...]:
    form = "channels_last" if one.first.channels_last else "contiguous"
    times = (f"{side.median_ms:.2f} ({side.p95_ms:.2f})" for side in (one.first, one.second))
    threads = str(one.first.threads) if one.first.device == "cpu" else "–"
    return (str(one.first.batch_size), threads, form, *times, f"{one.speedup:.2f}×")


def _numbers(option: str, text: str) -> tuple[int, ...]:
    parts: Sequence[str] = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ConfigError(f"{option} {text!r} cannot be used: give one or more positive numbers, as in {option} 1,8.")
    return tuple(dict.fromkeys(map(int, parts)))


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    if name == "cuda":
        if not torch.cuda.is_available():
            raise ConfigError("--device cuda: this machine has no GPU that torch can use; cpu would work.")
        return torch.device("cuda")
    raise ConfigError(f"--device {name!r} is not known: auto, cpu or cuda would work.")
