"""Memory, utilisation and energy of NVIDIA GPUs by NVML, where the package pynvml is installed."""

import importlib
from collections.abc import Set
from dataclasses import dataclass
from typing import Any, Self

from ablations.resources.metering.errors import NoInstrumentError


@dataclass(frozen=True, slots=True)
class DeviceLook:
    """One GPU at one moment.

    Attributes:
        memory_bytes: what NVML attributes to the server's processes; None if it does not say how much.
        utilisation: percent of the last moments in which a kernel ran, whoever's it was; None if not supported.
        energy_j: joules since the driver was loaded, of the whole device; None if not supported.
        ours: whether one of the server's processes uses the device.
        others: whether a process of somebody else does.
    """

    memory_bytes: int | None
    utilisation: float | None
    energy_j: float | None
    ours: bool
    others: bool


class Gpus:
    """All GPUs of this machine."""

    def __init__(self, nvml: Any) -> None:
        """Begin to ask NVML.

        Raises:
            NoInstrumentError: there is no driver, or no GPU.
        """
        self._nvml = nvml
        try:
            nvml.nvmlInit()
            self._handles = [nvml.nvmlDeviceGetHandleByIndex(at) for at in range(nvml.nvmlDeviceGetCount())]
        except nvml.NVMLError as error:
            raise NoInstrumentError(f"NVML does not answer on this machine ({error})") from None
        if not self._handles:
            raise NoInstrumentError("NVML lists no GPU on this machine")

    @classmethod
    def found(cls) -> Self:
        """The GPUs by the package pynvml.

        Raises:
            NoInstrumentError: the package, the driver or a GPU is not there.
        """
        try:
            nvml = importlib.import_module("pynvml")
        except ImportError:
            raise NoInstrumentError("the package pynvml is not installed (`pip install nvidia-ml-py`)") from None
        return cls(nvml)

    def look(self, pids: Set[int]) -> tuple[DeviceLook, ...]:
        """Read all devices, always in the same order.

        Args:
            pids: the server's processes.
        """
        return tuple(self._look(handle, pids) for handle in self._handles)

    def _look(self, handle: Any, pids: Set[int]) -> DeviceLook:
        running = self._asked("nvmlDeviceGetComputeRunningProcesses", handle) or []
        own = [process for process in running if process.pid in pids]
        memory = [process.usedGpuMemory for process in own]
        rates = self._asked("nvmlDeviceGetUtilizationRates", handle)
        millijoules = self._asked("nvmlDeviceGetTotalEnergyConsumption", handle)
        return DeviceLook(
            memory_bytes=None if not memory or None in memory else sum(memory),
            utilisation=None if rates is None else float(rates.gpu),
            energy_j=None if millijoules is None else millijoules / 1000,
            ours=bool(own),
            others=len(own) < len(running),
        )

    def _asked(self, function: str, handle: Any) -> Any:
        """What NVML answers; None where this device does not support the question."""
        try:
            return getattr(self._nvml, function)(handle)
        except self._nvml.NVMLError:
            return None
