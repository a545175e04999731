"""From the samples of an interval to its readings: averages over time, peaks, and what none of them can say."""

from collections.abc import Sequence

from ablations.resources.metering.gpu_summary import gpu_memory, summarise_gpus
from ablations.resources.metering.instruments import Instruments
from ablations.resources.metering.levels import mean, peak
from ablations.resources.metering.overlaps import Overlap
from ablations.resources.metering.quantity import Quantity
from ablations.resources.metering.readings import Checks, Readings, Series
from ablations.resources.metering.watch import Account, Sample

_MOST_KEPT = 240


def unseen(duration_s: float, overlap: Overlap, why: str, every_s: float) -> Readings:
    """The readings of an interval in which no process could be looked at."""
    lost = {unit: Quantity.missing(unit, why) for unit in ("s", "%", "bytes", "J")}
    return Readings(
        duration=_duration(duration_s),
        cpu=lost["s"],
        **dict.fromkeys(("cpu_mean", "cpu_peak", "gpu_utilisation_mean", "gpu_utilisation_peak"), lost["%"]),
        **dict.fromkeys(("memory_mean", "memory_peak", "gpu_memory_mean", "gpu_memory_peak"), lost["bytes"]),
        cpu_energy=lost["J"],
        gpu_energy=lost["J"],
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
    checks = _checks(samples, accounts)
    not_own = overlap.of_server()
    busy, busiest = _cpu_rates(samples, every_s)
    memory = [(sample.at_s, float(sample.tree.memory_bytes)) for sample in samples]
    rss = f"resident sets of {max(len(sample.tree.pids) for sample in samples)} processes, {len(samples)} samples"
    no_gpus = instruments.gpus if isinstance(instruments.gpus, str) else None
    gpus = summarise_gpus(samples, no_gpus, overlap.of_machine())
    return Readings(
        duration=_duration(samples[-1].at_s - samples[0].at_s),
        cpu=Quantity.missing("s", not_own) if not_own else checks.sampled_cpu,
        cpu_mean=_own(busy, not_own, "CPU seconds by duration"),
        cpu_peak=_own(busiest, not_own, f"the busiest window of {every_s * 1000:g} ms or more"),
        memory_mean=mean(memory, "bytes", rss),
        memory_peak=peak(memory, "bytes", rss),
        gpu_memory_mean=gpus.memory_mean,
        gpu_memory_peak=gpus.memory_peak,
        gpu_utilisation_mean=gpus.utilisation_mean,
        gpu_utilisation_peak=gpus.utilisation_peak,
        cpu_energy=_cpu_energy(samples, overlap.of_machine()),
        gpu_energy=gpus.energy,
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


def _own(percent: float, not_own: str | None, why: str) -> Quantity:
    return Quantity.missing("%", not_own) if not_own else Quantity.derived(percent, "%", why)


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


# energy --------------------------------------------------------------------------------------------------------------


def _cpu_energy(samples: Sequence[Sample], not_own: str | None) -> Quantity:
    begin, end = samples[0].rapl_j, samples[-1].rapl_j
    if isinstance(begin, str) or isinstance(end, str):
        return Quantity.missing("J", begin if isinstance(begin, str) else str(end))
    if not_own:
        return Quantity.missing("J", not_own)
    return Quantity.measured(end - begin, "J", "RAPL, whole processor packages: whatever else ran there is in it")


# series --------------------------------------------------------------------------------------------------------------


def _series(samples: Sequence[Sample]) -> Series:
    """The samples in columns; of many, every n-th with the last."""
    step = -(-len(samples) // _MOST_KEPT)
    kept = [*samples[:-1:step], samples[-1]]
    first = samples[0]
    return Series(
        began_s=first.at_s,
        at_s=tuple(sample.at_s - first.at_s for sample in kept),
        cpu_s=tuple(sample.tree.cpu_s - first.tree.cpu_s for sample in kept),
        memory_bytes=tuple(sample.tree.memory_bytes for sample in kept),
        processes=tuple(len(sample.tree.pids) for sample in kept),
        gpu_memory_bytes=tuple(gpu_memory(sample) if sample.devices else None for sample in kept),
        taken=len(samples),
    )
