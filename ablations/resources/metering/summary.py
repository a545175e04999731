"""From the samples of an interval to its readings: averages over time, peaks, and what none of them can say."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ablations.resources.metering.instruments import Instruments
from ablations.resources.metering.quantity import Quantity
from ablations.resources.metering.readings import Checks, Readings, Series
from ablations.resources.metering.watch import Account, Sample

CORE = "%"
_MOST_KEPT = 240


@dataclass(frozen=True, slots=True)
class Overlap:
    """Who else was under way.

    Attributes:
        here: the most calls on the server at once, this one included.
        machine: the most calls on all servers of this machine at once, this one included.
        batch: whether the interval is of all calls on the server together, to which all that it takes belongs.
        elsewhere: of a batch: the calls on other servers of this machine.
    """

    here: int
    machine: int
    batch: bool = False
    elsewhere: int = 0

    @property
    def shared(self) -> bool:
        """Whether another call was under way on the server."""
        return self.here > 1

    def of_server(self) -> str | None:
        """Why what the server took does not belong to this interval; None if it does."""
        return None if self.batch or self.here < 2 else _COMMON.format(self.here, "server")

    def of_machine(self) -> str | None:
        """Why what the machine took does not belong to this interval; None if it does."""
        if self.batch:
            return f"{self.elsewhere} calls on other servers of this machine are in it" if self.elsewhere else None
        return None if self.machine < 2 else _COMMON.format(self.machine, "machine")


_COMMON = "{} calls were under way on this {} at once, and none of them has a part of its own"


def unseen(duration_s: float, overlap: Overlap, why: str, every_s: float) -> Readings:
    """The readings of an interval in which no process could be looked at."""
    lost = {unit: Quantity.missing(unit, why) for unit in ("s", CORE, "bytes", "J")}
    return Readings(
        duration=_duration(duration_s),
        **dict.fromkeys(("cpu",), lost["s"]),
        **dict.fromkeys(("cpu_mean", "cpu_peak", "gpu_utilisation_mean", "gpu_utilisation_peak"), lost[CORE]),
        **dict.fromkeys(("memory_mean", "memory_peak", "gpu_memory_mean", "gpu_memory_peak"), lost["bytes"]),
        **dict.fromkeys(("cpu_energy", "gpu_energy"), lost["J"]),
        checks=Checks(
            sampled_cpu=lost["s"], stat_cpu=lost["s"], cgroup_cpu=lost["s"], cgroup_memory_peak=lost["bytes"]
        ),
        shared=overlap.shared,
        overlapping=overlap.here,
        every_s=every_s,
        series=Series(),
    )


def summarise(
    samples: Sequence[Sample],
    accounts: tuple[Account, Account],
    overlap: Overlap,
    instruments: Instruments,
    every_s: float,
) -> Readings:
    """The readings of an interval.

    Args:
        samples: from its begin to its end, at least two.
        accounts: the kernel's own, at its begin and its end.
        overlap: who else was under way.
        instruments: what was measured with.
        every_s: the intended time between two samples.
    """
    duration_s = samples[-1].at_s - samples[0].at_s
    checks = _checks(samples, accounts)
    not_own = overlap.of_server()
    mean, peak = _cpu_rates(samples, every_s)
    memory = _levels(samples, lambda sample: float(sample.tree.memory_bytes))
    rss = f"resident sets of {max(len(s.tree.pids) for s in samples)} process(es), {len(samples)} samples"
    gpu_memory = _levels(samples, _gpu_memory)
    utilisation = _levels(samples, _gpu_utilisation)
    no_memory, no_utilisation = _gpu_reasons(samples, instruments)
    nvml = f"NVML, {len(samples)} samples"
    return Readings(
        duration=_duration(duration_s),
        cpu=Quantity.missing("s", not_own) if not_own else checks.sampled_cpu,
        cpu_mean=_own(mean, CORE, not_own, "CPU seconds by duration"),
        cpu_peak=_own(peak, CORE, not_own, f"the busiest window of {every_s * 1000:g} ms or more"),
        memory_mean=_mean(memory, "bytes", f"average over time of {rss}", rss),
        memory_peak=_peak(memory, "bytes", rss, rss),
        gpu_memory_mean=_mean(gpu_memory, "bytes", f"average over time: {nvml}", no_memory),
        gpu_memory_peak=_peak(gpu_memory, "bytes", nvml, no_memory),
        gpu_utilisation_mean=_mean(utilisation, CORE, f"average over time: {nvml}", no_utilisation),
        gpu_utilisation_peak=_peak(utilisation, CORE, nvml, no_utilisation),
        cpu_energy=_cpu_energy(samples, overlap),
        gpu_energy=_gpu_energy(samples, overlap, no_utilisation),
        checks=checks,
        shared=overlap.shared,
        overlapping=overlap.here,
        every_s=every_s,
        series=_series(samples),
    )


def _duration(seconds: float) -> Quantity:
    return Quantity.measured(seconds, "s", "the monotonic clock")


# CPU -----------------------------------------------------------------------------------------------------------------


def _checks(samples: Sequence[Sample], accounts: tuple[Account, Account]) -> Checks:
    before, after = accounts
    return Checks(
        sampled_cpu=Quantity.measured(
            samples[-1].tree.cpu_s - samples[0].tree.cpu_s, "s", f"CPU clocks of the processes, {len(samples)} samples"
        ),
        stat_cpu=_grown(before.stat_s, after.stat_s, "/proc/PID/stat: utime, stime, cutime and cstime"),
        cgroup_cpu=_grown(before.cgroup_s, after.cgroup_s, "the server's control group"),
        cgroup_memory_peak=_or_missing(
            after.cgroup_peak_bytes, "bytes", "the server's control group, since that began"
        ),
    )


def _grown(before: float | str, after: float | str, why: str) -> Quantity:
    if isinstance(before, str) or isinstance(after, str):
        return Quantity.missing("s", before if isinstance(before, str) else str(after))
    return Quantity.measured(after - before, "s", why)


def _or_missing(found: float | str, unit: str, why: str) -> Quantity:
    return Quantity.missing(unit, found) if isinstance(found, str) else Quantity.measured(found, unit, why)


def _own(value: float, unit: str, not_own: str | None, why: str) -> Quantity:
    return Quantity.missing(unit, not_own) if not_own else Quantity.derived(value, unit, why)


def _cpu_rates(samples: Sequence[Sample], every_s: float) -> tuple[float, float]:
    """Average and peak in percent of one core.

    A window is at least as long as the sampling interval: between two samples that happen to be close, the time that
    reading takes would count as work.
    """
    first, last = samples[0], samples[-1]
    mean = _rate(first, last)
    windows = []
    begin = first
    for sample in samples[1:]:
        if sample.at_s - begin.at_s >= 0.9 * every_s:
            windows.append(_rate(begin, sample))
            begin = sample
    return mean, max(windows, default=mean)


def _rate(begin: Sample, end: Sample) -> float:
    return 100 * (end.tree.cpu_s - begin.tree.cpu_s) / (end.at_s - begin.at_s)


# levels: memory and utilisation ---------------------------------------------------------------------------------------

_Levels = list[tuple[float, float]] | None
"""Moments with values; None where one of the samples has no value."""


def _levels(samples: Sequence[Sample], of: Callable[[Sample], float | None]) -> _Levels:
    found = [(sample.at_s, value) for sample in samples if (value := of(sample)) is not None]
    return found if len(found) == len(samples) else None


def _mean(levels: _Levels, unit: str, why: str, why_not: str) -> Quantity:
    """The average over time, by the trapezoidal rule: the distances between samples differ."""
    if levels is None:
        return Quantity.missing(unit, why_not)
    area = sum((end - begin) * (low + high) / 2 for (begin, low), (end, high) in pairwise(levels))
    return Quantity.derived(area / (levels[-1][0] - levels[0][0]), unit, why)


def _peak(levels: _Levels, unit: str, why: str, why_not: str) -> Quantity:
    if levels is None:
        return Quantity.missing(unit, why_not)
    return Quantity.measured(max(value for _, value in levels), unit, why)


def _gpu_memory(sample: Sample) -> float | None:
    own = [device.memory_bytes for device in sample.devices if device.ours]
    return None if not own or None in own else float(sum(value or 0 for value in own))


def _gpu_utilisation(sample: Sample) -> float | None:
    own = [device.utilisation for device in sample.devices if device.ours]
    return None if not own or None in own else sum(value or 0.0 for value in own) / len(own)


def _gpu_reasons(samples: Sequence[Sample], instruments: Instruments) -> tuple[str, str]:
    """Why there is no GPU memory, and why there is no utilisation and energy."""
    if isinstance(instruments.gpus, str):
        return instruments.gpus, instruments.gpus
    with_gpu = sum(any(device.ours for device in sample.devices) for sample in samples)
    if with_gpu == len(samples):
        return "NVML does not say how much memory the process has", "this GPU does not support it"
    rest = "or it is in a container whose processes NVML knows by other numbers"
    when = "during the call" if with_gpu == 0 else f"in {len(samples) - with_gpu} of {len(samples)} samples"
    reason = f"NVML listed no process of the server on a GPU {when}: it did not use one, {rest}"
    return reason, reason


# energy --------------------------------------------------------------------------------------------------------------


def _cpu_energy(samples: Sequence[Sample], overlap: Overlap) -> Quantity:
    begin, end = samples[0].rapl_j, samples[-1].rapl_j
    if isinstance(begin, str) or isinstance(end, str):
        return Quantity.missing("J", begin if isinstance(begin, str) else str(end))
    if not_own := overlap.of_machine():
        return Quantity.missing("J", not_own)
    return Quantity.measured(end - begin, "J", "RAPL, whole processor packages: whatever else ran there is in it")


def _gpu_energy(samples: Sequence[Sample], overlap: Overlap, why_not: str) -> Quantity:
    used = [at for at in range(len(samples[0].devices)) if any(sample.devices[at].ours for sample in samples)]
    if not used:
        return Quantity.missing("J", why_not)
    if not_own := overlap.of_machine():
        return Quantity.missing("J", not_own)
    ends = [(samples[0].devices[at].energy_j, samples[-1].devices[at].energy_j) for at in used]
    spent = [end - begin for begin, end in ends if begin is not None and end is not None]
    if len(spent) < len(ends):
        return Quantity.missing("J", "this GPU does not support it")
    others = any(sample.devices[at].others for sample in samples for at in used)
    beside = ", with processes of others on it" if others else ""
    return Quantity.measured(sum(spent), "J", f"NVML, whole device{beside}")


# series --------------------------------------------------------------------------------------------------------------


def _series(samples: Sequence[Sample]) -> Series:
    """The samples in columns; of many, every n-th with the last."""
    step = -(-len(samples) // _MOST_KEPT)
    kept = [*samples[:-1:step], samples[-1]]
    first = samples[0]
    memory = [_gpu_memory(sample) for sample in kept]
    return Series(
        at_s=tuple(sample.at_s - first.at_s for sample in kept),
        cpu_s=tuple(sample.tree.cpu_s - first.tree.cpu_s for sample in kept),
        memory_bytes=tuple(sample.tree.memory_bytes for sample in kept),
        processes=tuple(len(sample.tree.pids) for sample in kept),
        gpu_memory_bytes=tuple(None if each is None else int(each) for each in memory),
        taken=len(samples),
    )
