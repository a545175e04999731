"""How many CPUs the kernel lets this process have: its affinity, and the quotas of its control groups."""

import os
from collections.abc import Iterator
from pathlib import Path

import psutil


def usable_cpus(root: Path = Path("/")) -> int:
    """Return the CPUs of this process, at least one: a part of a CPU is no place for a second worker.

    Args:
        root: of the file system with `proc` and `sys`.
    """
    allowed = len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else os.cpu_count() or 1
    quota = cpu_quota(root)
    return allowed if quota is None else max(1, min(allowed, int(quota)))


def cpu_quota(root: Path = Path("/")) -> float | None:
    """Return the smallest quota of this process's control group and those above it, in CPUs; None without one.

    Both versions are read: the first limits by two files, the second by one (`cpu.max`). In a container the path of
    the group may be that of the host, which is not mounted; the mount itself is then the group.

    https://docs.kernel.org/admin-guide/cgroup-v2.html, https://docs.kernel.org/scheduler/sched-bwc.html
    """
    found = [quota for folder in _groups(root) for quota in (_second(folder), _first(folder)) if quota is not None]
    return min(found, default=None)


def _groups(root: Path) -> Iterator[Path]:
    """The folders of the control groups that may limit this process."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        names = controllers.split(",")
        if controllers and "cpu" not in names:
            continue
        mounts = ("cpu", controllers, "cpu,cpuacct") if controllers else ("", "unified")
        for mount in (root / "sys/fs/cgroup" / name for name in mounts):
            group = mount / path.lstrip("/")
            yield from (group, *(above for above in group.parents if above.is_relative_to(mount)))


def _second(folder: Path) -> float | None:
    quota, period = (*_read(folder / "cpu.max").split(), "", "")[:2]
    return _share(quota, period)


def _first(folder: Path) -> float | None:
    return _share(_read(folder / "cpu.cfs_quota_us").strip(), _read(folder / "cpu.cfs_period_us").strip())


def _share(quota: str, period: str) -> float | None:
    """CPUs of a quota; `max`, -1 and nothing at all stand for none."""
    if not quota.isdecimal() or not period.isdecimal() or not int(period):
        return None
    return int(quota) / int(period)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
