"""What a block of work takes of the machine: peak memory, and time on the CPU."""

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

_MIB = 2**20


@dataclass(slots=True)
class Usage:
    """Filled when the block ends.

    Attributes:
        peak_memory_mib: the most memory during the block: of the GPU's allocator, or the process's resident set.
        cpu_percent: CPU time of all threads of this process / time that passed, in percent of one core.
        source: where the memory was read.
    """

    peak_memory_mib: float = 0.0
    cpu_percent: float = 0.0
    source: str = ""


@contextmanager
def metered(device: torch.device) -> Iterator[Usage]:
    """Measure what the block takes."""
    usage = Usage()
    usage.source = _reset(device)
    wall, cpu = time.perf_counter(), time.process_time()
    yield usage
    usage.cpu_percent = 100 * (time.process_time() - cpu) / (time.perf_counter() - wall)
    usage.peak_memory_mib = _peak(usage.source, device)


def resident_mib() -> float:
    """Return what this process holds in memory now."""
    return float(psutil.Process().memory_info().rss) / _MIB


def _reset(device: torch.device) -> str:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return "cuda allocator"
    try:
        Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak starts again at what is resident now
    except OSError:
        return "peak of the process since it began"
    return "peak resident set"


def _peak(source: str, device: torch.device) -> float:
    if source == "cuda allocator":
        return torch.cuda.max_memory_allocated(device) / _MIB
    if source == "peak resident set":
        (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (_MIB if sys.platform == "darwin" else 1024)
