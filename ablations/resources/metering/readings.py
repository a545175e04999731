"""What was measured of a server during one interval: of one call, or of a batch of calls."""

from pydantic import BaseModel, ConfigDict

from ablations.resources.metering.quantity import Quantity

_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Series(BaseModel):
    """Samples in the order of time, in columns of one length.

    The first was taken when the interval began, the last when it ended. They are of the whole server, whoever asked.

    Attributes:
        began_s: when the first was taken, by `time.monotonic`; series of one boot can be laid side by side.
        at_s: seconds since the first one.
        cpu_s: CPU seconds of the process tree since the first one, processes that have ended included.
        memory_bytes: resident sets of the process tree.
        processes: how many it has.
        gpu_memory_bytes: what NVML attributes to the process tree; None where it cannot be asked or does not say.
        taken: how many samples there were. Of a long interval, every n-th is kept; figures are made of all.
    """

    model_config = _FROZEN

    began_s: float | None = None
    at_s: tuple[float, ...] = ()
    cpu_s: tuple[float, ...] = ()
    memory_bytes: tuple[int, ...] = ()
    processes: tuple[int, ...] = ()
    gpu_memory_bytes: tuple[int | None, ...] = ()
    taken: int = 0


class Checks(BaseModel):
    """CPU time of the whole server in the interval by three ways, whoever asked. They should agree within 10 %.

    Attributes:
        sampled_cpu: by the samples.
        stat_cpu: by `/proc/PID/stat` of all processes, before and after: utime, stime, and those of reaped children.
        cgroup_cpu: by the server's control group, where it has one of its own.
        cgroup_memory_peak: the control group's peak since it began. It lacks pages of files that another group was
            charged for, as those of shared libraries, which a resident set includes.
    """

    model_config = _FROZEN

    sampled_cpu: Quantity
    stat_cpu: Quantity
    cgroup_cpu: Quantity
    cgroup_memory_peak: Quantity

    def difference(self, of: Quantity) -> float | None:
        """How far the samples lie from another account, as a part of it; None where one of the two is missing or 0."""
        if self.sampled_cpu.value is None or not of.value:
            return None
        return abs(self.sampled_cpu.value - of.value) / of.value


class Readings(BaseModel):
    """What was measured of a server during an interval.

    Attributes:
        duration: of the interval.
        cpu: CPU seconds of the process tree; missing where calls shared the server, because they have no own part.
        cpu_mean: CPU seconds by duration; 100 % is one core.
        cpu_peak: the same of the busiest sampling window.
        memory_mean: resident sets of the process tree, averaged over time. Of a shared server it is the server's.
        memory_peak: the most of it at once.
        gpu_memory_mean: as NVML attributes it to the process tree, averaged over time.
        gpu_memory_peak: the most of it at once.
        gpu_utilisation_mean: of the devices that the server uses, as NVML reports it, averaged over time.
        gpu_utilisation_peak: the most of it.
        cpu_energy: of the processor packages by RAPL, with whatever else ran on them.
        gpu_energy: of the devices that the server uses, by NVML.
        checks: the CPU time against the kernel's own accounts.
        shared: whether another call was under way on the same server at any time of this one.
        overlapping: the most calls under way on the server at once, this one included; of a batch, all of its calls.
        every_s: the intended time between two samples.
        series: the samples.
    """

    model_config = _FROZEN

    duration: Quantity
    cpu: Quantity
    cpu_mean: Quantity
    cpu_peak: Quantity
    memory_mean: Quantity
    memory_peak: Quantity
    gpu_memory_mean: Quantity
    gpu_memory_peak: Quantity
    gpu_utilisation_mean: Quantity
    gpu_utilisation_peak: Quantity
    cpu_energy: Quantity
    gpu_energy: Quantity
    checks: Checks
    shared: bool
    overlapping: int
    every_s: float
    series: Series
