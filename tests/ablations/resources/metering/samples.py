"""Samples made by hand, and counters of energy in files."""

from collections.abc import Sequence
from pathlib import Path

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


def rapl_zone(root: Path, folder: str, name: str, microjoules: int) -> Path:
    """Make a counter as Linux shows it; it begins again at zero after 999,999 microjoules.

    Returns:
        The file with its value.
    """
    path = root / folder
    path.mkdir(parents=True)
    (path / "name").write_text(f"{name}\n")
    (path / "energy_uj").write_text(f"{microjoules}\n")
    (path / "max_energy_range_uj").write_text("999999\n")
    return path / "energy_uj"
