"""Quotas of control groups, as the kernel writes them."""

from pathlib import Path

import psutil
import pytest

from search.setup.quota import cpu_quota, usable_cpus
from search.setup.resources import machine_resources

V1 = "12:memory:/box\n4:cpu,cpuacct:/box/a\n1:name=systemd:/\n"


def tree(root: Path, groups: str, files: dict[str, str]) -> Path:
    for name, text in {"proc/self/cgroup": groups, **files}.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def v1(folder: str, quota: int, period: int = 100_000) -> dict[str, str]:
    return {
        f"sys/fs/cgroup/{folder}/cpu.cfs_quota_us": f"{quota}\n",
        f"sys/fs/cgroup/{folder}/cpu.cfs_period_us": f"{period}\n",
    }


@pytest.mark.parametrize(
    ("groups", "files", "quota"),
    [
        ("0::/box\n", {"sys/fs/cgroup/box/cpu.max": "50000 100000\n"}, 0.5),
        (
            "0::/box/in\n",
            {"sys/fs/cgroup/box/cpu.max": "150000 100000\n", "sys/fs/cgroup/box/in/cpu.max": "max 100000\n"},
            1.5,
        ),
        ("0::/\n", {"sys/fs/cgroup/cpu.max": "250000 100000\n"}, 2.5),
        # the host's path, of which the container sees only the end
        ("0::/kubepods/pod1\n", {"sys/fs/cgroup/cpu.max": "100000 100000\n"}, 1.0),
        ("0::/box\n", {"sys/fs/cgroup/unified/box/cpu.max": "20000 100000\n"}, 0.2),
        ("0::/\n", {"sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        (V1, v1("cpu,cpuacct/box/a", 50_000), 0.5),
        (V1, v1("cpu/box", 300_000) | v1("cpu/box/a", -1), 3.0),
        (V1, v1("cpu,cpuacct", 200_000, 50_000), 4.0),
        (V1, v1("cpu,cpuacct/box/a", -1), None),
        (V1, {}, None),
        ("", {}, None),
        ("nonsense\n::\n0::/a\n", {"sys/fs/cgroup/a/cpu.max": "x y z\n", "sys/fs/cgroup/cpu.max": ""}, None),
    ],
)
def test_the_smallest_quota_on_the_way_up_counts(
    tmp_path: Path, groups: str, files: dict[str, str], quota: float | None
) -> None:
    assert cpu_quota(tree(tmp_path, groups, files)) == quota


@pytest.mark.parametrize(("given", "cpus"), [("50000 100000", 1), ("190000 100000", 1), ("200000 100000", 2)])
def test_half_a_cpu_is_one_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, cpus: int) -> None:
    monkeypatch.setattr(psutil.Process, "cpu_affinity", lambda _: [0, 1, 2, 3])
    assert usable_cpus(tree(tmp_path, "0::/\n", {"sys/fs/cgroup/cpu.max": given})) == cpus


def test_a_machine_s_resources_respect_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.setup.quota.cpu_quota", lambda _: 0.5)
    assert machine_resources()[0] == 1
