"""The kernel's accounts, from files as Linux shows them, and from Linux."""

import os
import time
from pathlib import Path

import pytest

from ablations.resources.metering.errors import NoInstrumentError
from ablations.resources.metering.kernel import ControlGroup, stat_cpu_s

PIDS = frozenset({7, 8})
TICKS = os.sysconf("SC_CLK_TCK")


def process(proc: Path, pid: int | str, name: str, *ticks: int) -> None:
    (proc / str(pid)).mkdir(parents=True)
    utime, stime, cutime, cstime = ticks
    fields = f"S 1 7 7 0 -1 4194304 100 0 0 0 {utime} {stime} {cutime} {cstime} 20 0 1 0 100 0 0"
    (proc / str(pid) / "stat").write_text(f"{pid} ({name}) {fields}\n")


def test_all_four_times_of_all_processes_count_whatever_they_are_called(tmp_path: Path) -> None:
    process(tmp_path, "self", "python", 0, 0, 0, 0)
    process(tmp_path, 7, "a ) b (c", 1, 2, 4, 8)
    process(tmp_path, 8, "runner", 16, 32, 64, 128)
    assert stat_cpu_s(frozenset({7, 8, 9}), tmp_path) * TICKS == pytest.approx(255)


def test_a_system_without_such_files_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoInstrumentError, match="no /proc/PID/stat"):
        stat_cpu_s(PIDS, tmp_path)


def test_this_process_has_spent_what_its_own_clock_says() -> None:
    while time.process_time() < 0.05:
        pass
    assert stat_cpu_s(frozenset({os.getpid()})) >= time.process_time() - 2 / TICKS


def group(path: Path, *pids: int, **files: str) -> Path:
    path.mkdir(parents=True)
    (path / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))
    for name, content in files.items():
        (path / name.replace("__", ".")).write_text(content)
    return path


STAT = "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\n"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "proc" / "7").mkdir(parents=True)
    return tmp_path / "proc"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "cgroup"


def found(proc: Path, root: Path, membership: str) -> ControlGroup:
    (proc / "7" / "cgroup").write_text(membership)
    return ControlGroup(7, PIDS, proc, root)


def test_version_2(proc: Path, root: Path) -> None:
    group(root / "system.slice" / "ollama.service", 7, 8, cpu__stat=STAT, memory__peak="4096\n")
    got = found(proc, root, "0::/system.slice/ollama.service\n")
    assert (got.cpu_s(), got.memory_peak_bytes()) == (2.5, 4096)


def test_version_1(proc: Path, root: Path) -> None:
    group(root / "cpu,cpuacct" / "llm", 7, cpuacct__usage="1500000000\n")
    group(root / "memory" / "llm", 7, 8, memory__max_usage_in_bytes="99\n")
    got = found(proc, root, "4:memory:/llm\n2:cpu,cpuacct:/llm\n")
    assert (got.cpu_s(), got.memory_peak_bytes()) == (1.5, 99)


def test_version_1_where_version_2_beside_it_holds_everything(proc: Path, root: Path) -> None:
    group(root / "unified", 1, 7, 8, cpu__stat=STAT)
    group(root / "cpuacct" / "llm", 7, 8, cpuacct__usage="1500000000\n")
    got = found(proc, root, "1:cpuacct:/llm\n0::/\n")
    assert got.cpu_s() == 1.5
    with pytest.raises(NoInstrumentError, match="does not count memory"):
        got.memory_peak_bytes()


def test_a_group_of_a_whole_container_may_be_the_servers_own(proc: Path, root: Path) -> None:
    group(root, 7, cpu__stat=STAT)
    assert found(proc, root, "0::/\n").cpu_s() == 2.5


@pytest.mark.parametrize("stranger", ["user.slice", "user.slice/tab"])
def test_a_group_with_others_in_it_or_below_it_is_no_account_of_the_server(
    proc: Path, root: Path, stranger: str
) -> None:
    group(root / "user.slice", 7, cpu__stat=STAT)
    if stranger != "user.slice":
        group(root / stranger, 9)
    else:
        (root / "user.slice" / "cgroup.procs").write_text("7\n9\n")
    with pytest.raises(NoInstrumentError, match="holds other processes too"):
        found(proc, root, "0::/user.slice\n")


def test_no_group_at_all(proc: Path, root: Path) -> None:
    with pytest.raises(NoInstrumentError, match="no control group counts"):
        found(proc, root, "0::/somewhere\n")
