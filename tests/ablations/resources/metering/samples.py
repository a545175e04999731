"""Samples made by hand."""

from collections.abc import Sequence

from ablations.resources.metering.gpu import DeviceLook
from ablations.resources.metering.watch import Sample
from llm_clients.process_tree import Look


def sample(
    at_s: float,
    cpu_s: float = 0.0,
    memory: int = 1,
    *,
    devices: Sequence[DeviceLook] = (),
    rapl_j: float | str = "no RAPL",
    processes: int = 1,
) -> Sample:
    """A sample of a server."""
    return Sample(Look(at_s, cpu_s, memory, frozenset(range(1, processes + 1))), tuple(devices), rapl_j)
