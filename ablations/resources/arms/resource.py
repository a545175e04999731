"""The resources that attempts use up, and how they add up."""

import math
from collections.abc import Iterable, Mapping
from enum import StrEnum

from ablations.floor.table import Column


class Resource(StrEnum):
    """A resource; the value is its name in the ledger and in files."""

    CALLS = "calls"
    TOKENS = "tokens"
    OUTPUT = "output_tokens"
    USD = "cost_usd"
    SECONDS = "model_s"
    CPU = "cpu_s"
    CPU_ENERGY = "cpu_energy_j"
    GPU_ENERGY = "gpu_energy_j"
    MEMORY = "peak_memory_bytes"
    GPU_MEMORY = "peak_gpu_memory_bytes"

    @property
    def column(self) -> Column:
        """How it is shown."""
        return _COLUMNS[self]

    @property
    def adds_up(self) -> bool:
        """Whether two calls use twice as much; of memory the larger counts."""
        return self not in (Resource.MEMORY, Resource.GPU_MEMORY)

    def total(self, used: Iterable[float | None]) -> float | None:
        """Return what several calls use together; None if it is missing of one of them, for nothing is filled in."""
        known = list(used)
        if not known or None in known:
            return None
        numbers = [float(value) for value in known if value is not None]
        return math.fsum(numbers) if self.adds_up else max(numbers)


_MIB = 2.0**-20
_COLUMNS: Mapping[Resource, Column] = {
    Resource.CALLS: Column("calls", "Calls", digits=2),
    Resource.TOKENS: Column("tokens", "Tokens", digits=0),
    Resource.OUTPUT: Column("output_tokens", "Tokens written", digits=0),
    Resource.USD: Column("cost_usd", "Cost", "US$", digits=5),
    Resource.SECONDS: Column("model_s", "Time of calls", "s", digits=2),
    Resource.CPU: Column("cpu_s", "CPU time", "s", digits=2),
    Resource.CPU_ENERGY: Column("cpu_energy_j", "Energy of processors", "J", digits=1),
    Resource.GPU_ENERGY: Column("gpu_energy_j", "Energy of GPUs", "J", digits=1),
    Resource.MEMORY: Column("peak_memory_bytes", "Peak memory", "MiB", _MIB, 0),
    Resource.GPU_MEMORY: Column("peak_gpu_memory_bytes", "Peak GPU memory", "MiB", _MIB, 0),
}
