"""Samples one server's processes in a thread of its own, from the first interval's begin to the last one's end."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ablations.resources.metering.errors import or_why
from ablations.resources.metering.gpu import DeviceLook, Gpus
from ablations.resources.metering.instruments import Instruments
from ablations.resources.metering.kernel import ControlGroup, stat_cpu_s
from ablations.resources.metering.rapl import Rapl
from llm_clients.process_tree import Look, ProcessTree
from llm_clients.servers import UnseenServerError


@dataclass(frozen=True, slots=True)
class Sample:
    """All that is read at one moment.

    Attributes:
        tree: CPU time and memory of the processes.
        devices: the GPUs, always in the same order; none where NVML is not there.
        rapl_j: joules of the processor packages, since they were first read; or why there are none.
    """

    tree: Look
    devices: tuple[DeviceLook, ...]
    rapl_j: float | str

    @property
    def at_s(self) -> float:
        """When, by `time.monotonic`."""
        return self.tree.at_s


@dataclass(frozen=True, slots=True)
class Account:
    """The kernel's own accounts at one moment; each is a number, or the reason why there is none."""

    stat_s: float | str
    cgroup_s: float | str
    cgroup_peak_bytes: int | str


class Watch:
    """The samples of one server, as long as somebody wants them. Safe to use from several threads."""

    def __init__(self, pid: int, instruments: Instruments, every_s: float) -> None:
        """Look for the first time, and begin to sample.

        Raises:
            UnseenServerError: there is no such process, or this user may not look at it.
        """
        self._instruments = instruments
        self._every_s = every_s
        self._tree = ProcessTree(pid)
        self._lock = threading.Lock()
        self._samples: list[Sample] = []
        pids = self.sample().tree.pids
        self._group = or_why(lambda: ControlGroup(pid, pids))
        self._stop = threading.Event()
        self._fault: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=f"metering of {pid}", daemon=True)
        self._thread.start()

    def sample(self) -> Sample:
        """Take a sample now, besides those that the thread takes.

        Raises:
            UnseenServerError: the server has ended.
        """
        with self._lock:
            return self._take()

    def since(self, first: Sample) -> Sequence[Sample]:
        """The samples from `first` to the latest.

        Raises:
            Exception: whatever ended the thread.
        """
        with self._lock:
            if self._fault is not None and not isinstance(self._fault, UnseenServerError):
                raise self._fault
            return [sample for sample in self._samples if sample.at_s >= first.at_s]

    def forget_before(self, at_s: float) -> None:
        """Drop the samples before a moment, which nobody will ask for."""
        with self._lock:
            self._samples = [sample for sample in self._samples if sample.at_s >= at_s]

    def account(self, sample: Sample) -> Account:
        """Read the kernel's own accounts, of the processes in a sample that has just been taken."""
        group = self._group
        return Account(
            or_why(lambda: stat_cpu_s(sample.tree.pids)),
            group if isinstance(group, str) else or_why(group.cpu_s),
            group if isinstance(group, str) else or_why(group.memory_peak_bytes),
        )

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic() + self._every_s
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            try:
                self.sample()
            except Exception as fault:  # noqa: BLE001 - raised again for whoever asks for the samples
                self._fault = fault
                return
            due = max(due + self._every_s, time.monotonic())

    def _take(self) -> Sample:
        tree = self._tree.look()
        gpus, rapl = self._instruments.gpus, self._instruments.rapl
        devices = gpus.look(tree.pids) if isinstance(gpus, Gpus) else ()
        sample = Sample(tree, devices, or_why(rapl.joules) if isinstance(rapl, Rapl) else rapl)
        self._samples.append(sample)
        return sample
