"""The kernel's own accounts of a server: /proc/PID/stat, and its control group where it has one of its own."""

import os
from collections.abc import Set
from pathlib import Path

from ablations.resources.metering.errors import NoInstrumentError

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")


def stat_cpu_s(pids: Set[int], proc: Path = PROC) -> float:
    """CPU seconds of processes since each began, with those of the children that they have waited for.

    Raises:
        NoInstrumentError: this system has no such files.
    """
    if not (proc / "self" / "stat").exists():
        raise NoInstrumentError("this system has no /proc/PID/stat")
    return sum(_ticks(proc / str(pid) / "stat") for pid in pids) / os.sysconf("SC_CLK_TCK")


def _ticks(stat: Path) -> int:
    """The fields utime, stime, cutime and cstime of proc(5); none of a process that has just ended."""
    try:
        content = stat.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    fields = content.rpartition(")")[2].split()  # the name before it may hold spaces and brackets
    return sum(map(int, fields[11:15]))


class ControlGroup:
    """A control group that holds a server's processes and no others."""

    def __init__(self, pid: int, pids: Set[int], proc: Path = PROC, root: Path = CGROUPS) -> None:
        """Find it.

        Args:
            pid: the server's process.
            pids: the process with its descendants.
            proc: where processes are shown.
            root: where control groups are shown.

        Raises:
            NoInstrumentError: there is none that counts CPU time, or others are in it too.
        """
        paths = _paths(proc / str(pid) / "cgroup")
        self._cpu = self._own(_candidates(root, paths, "cpuacct", ("cpu.stat", "cpuacct.usage")), pids)
        try:
            self._memory: Path | None = self._own(
                _candidates(root, paths, "memory", ("memory.peak", "memory.max_usage_in_bytes")), pids
            )
        except NoInstrumentError:
            self._memory = None

    def cpu_s(self) -> float:
        """CPU seconds of the group since it began.

        Raises:
            NoInstrumentError: it has ended.
        """
        content = _content(self._cpu)
        if self._cpu.name == "cpuacct.usage":
            return int(content) / 1e9
        fields = dict(line.split() for line in content.splitlines())
        return int(fields["usage_usec"]) / 1e6

    def memory_peak_bytes(self) -> int:
        """The most memory of the group since it began.

        Raises:
            NoInstrumentError: it has ended, or nobody counts.
        """
        if self._memory is None:
            raise NoInstrumentError("the server's control group does not count memory, or others are in it too")
        return int(_content(self._memory))

    @staticmethod
    def _own(files: list[Path], pids: Set[int]) -> Path:
        if not files:
            raise NoInstrumentError("no control group counts for the server")
        for file in files:
            if _members(file.parent) <= pids:
                return file
        raise NoInstrumentError("the server's control group holds other processes too")


def _paths(file: Path) -> dict[str, str]:
    """The group's path by controller; the unified hierarchy has the name ""."""
    found: dict[str, str] = {}
    for line in _content(file).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        found |= dict.fromkeys(controllers.split(","), path)
    return found


def _candidates(root: Path, paths: dict[str, str], controller: str, names: tuple[str, str]) -> list[Path]:
    """The files that may count: of version 2, of version 2 beside version 1, and of version 1."""
    new, old = names
    unified = [root, root / "unified"] if "" in paths else []
    files = [_inside(folder, paths[""]) / new for folder in unified]
    if controller in paths:
        together = sorted(folder for folder in root.glob("*") if controller in folder.name.split(","))
        files += [_inside(folder, paths[controller]) / old for folder in together]
    return [file for file in files if file.is_file()]


def _inside(folder: Path, path: str) -> Path:
    return folder / path.lstrip("/")


def _members(group: Path) -> set[int]:
    """The processes of a group and of the groups in it."""
    return {int(pid) for file in group.rglob("cgroup.procs") for pid in _content(file).split()}


def _content(file: Path) -> str:
    try:
        return file.read_text()
    except OSError as error:
        raise NoInstrumentError(f"{file} cannot be read ({error.strerror or error})") from None
