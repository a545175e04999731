"""What is read of GPUs, and what an interval makes of it, on a stand-in for pynvml."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from ablations.resources.metering.errors import NoInstrumentError
from ablations.resources.metering.gpu import DeviceLook, Gpus
from ablations.resources.metering.gpu_summary import GpuSummary, summarise_gpus
from tests.ablations.resources.metering.samples import sample

OURS = frozenset({7, 8})


class Nvml:
    """Answers as pynvml: a device is a mapping of what it reports; what it lacks is not supported."""

    class NVMLError(Exception):
        """As pynvml's."""

    def __init__(self, *devices: Mapping[str, Any], fault: str = "") -> None:
        self.devices, self.fault = devices, fault

    def nvmlInit(self) -> None:  # noqa: N802
        if self.fault:
            raise self.NVMLError(self.fault)

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.devices)

    def nvmlDeviceGetHandleByIndex(self, at: int) -> int:  # noqa: N802
        return at

    def nvmlDeviceGetComputeRunningProcesses(self, at: int) -> list[SimpleNamespace]:  # noqa: N802
        running: Sequence[tuple[int, int | None]] = self._get(at, "running")
        return [SimpleNamespace(pid=pid, usedGpuMemory=memory) for pid, memory in running]

    def nvmlDeviceGetUtilizationRates(self, at: int) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(gpu=self._get(at, "busy"))

    def nvmlDeviceGetTotalEnergyConsumption(self, at: int) -> int:  # noqa: N802
        return int(self._get(at, "millijoules"))

    def _get(self, at: int, what: str) -> Any:
        if what not in self.devices[at]:
            raise self.NVMLError("Not Supported")
        return self.devices[at][what]


def test_memory_is_the_servers_and_the_rest_the_devices() -> None:
    busy = {"running": [(7, 100), (8, 20), (9, 5)], "busy": 60, "millijoules": 1500}
    idle = {"running": [(9, 5)], "busy": 1, "millijoules": 7000}
    assert Gpus(Nvml(busy, idle)).look(OURS) == (
        DeviceLook(memory_bytes=120, utilisation=60.0, energy_j=1.5, ours=True, others=True),
        DeviceLook(memory_bytes=None, utilisation=1.0, energy_j=7.0, ours=False, others=True),
    )


def test_what_a_device_does_not_support_is_none() -> None:
    (look,) = Gpus(Nvml({"running": [(7, None)]})).look(OURS)
    assert look == DeviceLook(memory_bytes=None, utilisation=None, energy_j=None, ours=True, others=False)


@pytest.mark.parametrize(
    ("nvml", "reason"),
    [(Nvml(fault="Driver Not Loaded"), "does not answer.*Driver Not Loaded"), (Nvml(), "lists no GPU")],
)
def test_no_gpu_is_a_reason(nvml: Nvml, reason: str) -> None:
    with pytest.raises(NoInstrumentError, match=reason):
        Gpus(nvml)


def device(memory: int | None, busy: float | None = 0.0, joules: float | None = 0.0, **flags: bool) -> DeviceLook:
    return DeviceLook(memory, busy, joules, **{"ours": True, "others": False, **flags})


def away(joules: float = 0.0, busy: float = 0.0) -> DeviceLook:
    return device(None, busy, joules, ours=False, others=True)


def summary(*rows: Sequence[DeviceLook], not_own: str | None = None) -> GpuSummary:
    """Of samples a second apart."""
    return summarise_gpus([sample(float(at), devices=row) for at, row in enumerate(rows)], None, not_own)


def test_levels_are_averaged_over_time_and_energy_is_what_the_device_took() -> None:
    gpus = summary([device(100, 0, 5), away(900)], [device(300, 80, 6), away(950)], [device(100, 40, 9), away(999)])
    assert (gpus.memory_mean.value, gpus.memory_peak.value) == (200, 300)
    assert (gpus.utilisation_mean.value, gpus.utilisation_peak.value) == (50, 80)
    assert gpus.energy.value == 4


def test_a_model_that_is_loaded_during_the_call_has_no_memory_before() -> None:
    gpus = summary([away(1)], [device(200, 50, 3)])
    assert (gpus.memory_mean.value, gpus.memory_peak.value, gpus.energy.value) == (100, 200, 2)
    assert "with processes of others" in gpus.energy.why


def test_a_server_that_nvml_does_not_list_has_nothing() -> None:
    gpus = summary([away(1)], [away(2)])
    assert {each.value for each in (gpus.memory_mean, gpus.memory_peak, gpus.utilisation_mean, gpus.energy)} == {None}
    assert "in a container" in gpus.energy.why


def test_what_is_not_supported_is_missing_and_the_rest_is_not() -> None:
    gpus = summary([device(None, 10, None)], [device(None, 30, None)])
    assert (gpus.memory_peak.value, gpus.utilisation_mean.value, gpus.energy.value) == (None, 20, None)


def test_energy_of_calls_at_once_belongs_to_none() -> None:
    gpus = summary([device(1, 1, 1)], [device(1, 1, 2)], not_own="2 calls at once")
    assert (gpus.energy.value, gpus.energy.why, gpus.memory_peak.value) == (None, "2 calls at once", 1)
