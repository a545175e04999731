"""What the samples of an interval say of GPUs: those that the server used at any time of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from ablations.resources.metering.levels import Levels, mean, peak
from ablations.resources.metering.quantity import Quantity
from ablations.resources.metering.watch import Sample

_NO_MEMORY = "NVML does not say how much of this GPU's memory the server has"
_NOT_SUPPORTED = "NVML does not report it for this GPU"


@dataclass(frozen=True, slots=True)
class GpuSummary:
    """Memory of the server's processes; utilisation and energy of whole devices."""

    memory_mean: Quantity
    memory_peak: Quantity
    utilisation_mean: Quantity
    utilisation_peak: Quantity
    energy: Quantity


def summarise_gpus(samples: Sequence[Sample], no_gpus: str | None, not_own: str | None) -> GpuSummary:
    """Make the summary.

    Args:
        samples: of the interval.
        no_gpus: why NVML cannot be asked; None if it was.
        not_own: why energy does not belong to this interval; None if it does.
    """
    used = _used(samples)
    why_not = no_gpus or (None if used else _nowhere(len(samples)))
    if why_not is not None:
        lost = [Quantity.missing(unit, why_not) for unit in ("bytes", "bytes", "%", "%", "J")]
        return GpuSummary(*lost)
    nvml = f"NVML, {len(samples)} samples"
    memory = _levels(samples, [gpu_memory(sample) for sample in samples])
    utilisation = _levels(samples, [_utilisation(sample, used) for sample in samples])
    return GpuSummary(
        *_mean_and_peak(memory, "bytes", nvml, _NO_MEMORY),
        *_mean_and_peak(utilisation, "%", f"{nvml} of the whole device", _NOT_SUPPORTED),
        Quantity.missing("J", not_own) if not_own else _energy(samples, used),
    )


def gpu_memory(sample: Sample) -> int | None:
    """What NVML attributes to the server's processes; None where it lists one without a number."""
    own = [device.memory_bytes for device in sample.devices if device.ours]
    return None if None in own else sum(value or 0 for value in own)


def _used(samples: Sequence[Sample]) -> list[int]:
    return [at for at in range(len(samples[0].devices)) if any(sample.devices[at].ours for sample in samples)]


def _nowhere(samples: int) -> str:
    return (
        f"NVML listed no process of the server on a GPU in {samples} samples: it used none, or it is in a container "
        "whose processes NVML knows by other numbers"
    )


def _utilisation(sample: Sample, used: Sequence[int]) -> float | None:
    found = [sample.devices[at].utilisation for at in used]
    return None if None in found else sum(value or 0.0 for value in found) / len(found)


def _levels(samples: Sequence[Sample], values: Sequence[float | None]) -> Levels | None:
    """None where one of the samples has no value."""
    known = [(sample.at_s, value) for sample, value in zip(samples, values, strict=True) if value is not None]
    return known if len(known) == len(samples) else None


def _mean_and_peak(levels: Levels | None, unit: str, why: str, why_not: str) -> tuple[Quantity, Quantity]:
    if levels is None:
        return Quantity.missing(unit, why_not), Quantity.missing(unit, why_not)
    return mean(levels, unit, why), peak(levels, unit, why)


def _energy(samples: Sequence[Sample], used: Sequence[int]) -> Quantity:
    ends = [(samples[0].devices[at].energy_j, samples[-1].devices[at].energy_j) for at in used]
    spent = [end - begin for begin, end in ends if begin is not None and end is not None]
    if len(spent) < len(ends):
        return Quantity.missing("J", _NOT_SUPPORTED)
    others = any(sample.devices[at].others for sample in samples for at in used)
    beside = ", with processes of others on it" if others else ""
    return Quantity.measured(sum(spent), "J", f"NVML, whole device{beside}")
