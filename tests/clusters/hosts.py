"""Hosts on one machine: each with its own address, files, processes, shared memory and SSH server.

A host is a set of namespaces whose root is an overlay on this machine's, in memory. They hang on one bridge, whose
other end is the user's machine. All of it must run in namespaces of its own (`tests.clusters.inside`), and ends with
them. A host's disk outlives its power: one that is started again has its files, without those in /tmp.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ALLOWED = "ESPALIER_TEST_HOSTS"
"""Set by `tests.clusters.inside`."""
USER = "10.77.0.1"
NETWORK = "10.77.0"
BRIDGE = "hosts0"
SHARED = "/shared"
_FIRST = 11
"""The last part of the first host's address."""
_PIDS = 6000
"""Numbers of processes and threads that a host can have given out before it comes to those of the next."""
_ENDS_S = 30.0
_TICK_S = 0.4
"""A host that is slowed runs and stands within each."""

_BOOT = r"""
set -eu
echo "$FIRST_PID" > /proc/sys/kernel/ns_last_pid
echo unshared; read -r _
hostname "$NAME"
ip link set lo up
ip address add "$ADDRESS/24" dev eth0
ip link set eth0 up
ip route add default via "$USER_MACHINE"
disk="$FOLDER/disk"
mkdir -p "$disk/upper" "$disk/work" "$disk/root" "$disk/home"
mount -t overlay overlay -o "lowerdir=/,upperdir=$disk/upper,workdir=$disk/work" "$disk/root"
cd "$disk/root"
mount --rbind /dev dev
mount -t tmpfs -o size=600m tmpfs dev/shm
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o size=700m,mode=1777 tmpfs tmp
mount -t tmpfs tmpfs run; mkdir run/sshd
mount --bind "$disk/home" root
mkdir -p ".$SHARED_FOLDER" opt/packages
mount --bind "$SHARED_ON_MACHINE" ".$SHARED_FOLDER"
mount --bind "$PACKAGES" opt/packages
# Python itself, where it was built to be: its home may hide it, as /root does.
case "$PYTHON" in /usr|/usr/local) ;; *) mkdir -p ".$PYTHON"; mount --bind "$PYTHON" ".$PYTHON" ;; esac
cp "$HOSTS_FILE" etc/hosts
mkdir -p root/espalier root/.ssh; cp "$KEY.pub" root/.ssh/authorized_keys; chmod -R go= root/.ssh
test -e root/espalier/.venv || cp -a "$VENV" root/espalier/.venv
cp "$KEY" run/host_key; chmod 600 run/host_key
printf '%s\n' "HostKey /run/host_key" "ListenAddress $ADDRESS" "PasswordAuthentication no" "UsePAM no" \
  "StrictModes no" "AcceptEnv LANG" "PidFile none" "MaxStartups 100" > run/sshd_config
exec chroot . /usr/sbin/sshd -D -e -f /run/sshd_config
"""


@dataclass(frozen=True)
class Host:
    """A host that runs.

    Attributes:
        name: its own.
        address: on the bridge.
        process: its first process, as seen from outside.
    """

    name: str
    address: str
    process: subprocess.Popen[str]

    def has(self, process: int) -> bool:
        """Whether a process of this number runs there, in the host's own count."""
        return self._outside(process) is not None

    def ends(self, process: int) -> None:
        """Kill a process of this number, in the host's own count."""
        outside = self._outside(process)
        assert outside is not None, f"{self.name} has no process {process}"
        os.kill(outside, signal.SIGKILL)

    def _outside(self, process: int) -> int | None:
        """The number that a process of this number has outside."""
        for each in self.processes():
            with contextlib.suppress(OSError):
                status = (each / "status").read_text().splitlines()
                numbers = next(line for line in status if line.startswith("NSpid:")).split()
                if int(numbers[-1]) == process:
                    return int(each.name)
        return None

    def environments_with(self, text: str) -> list[int]:
        """Processes there, by their number outside, that were started with this in their environment."""
        found = []
        for process in self.processes():
            with contextlib.suppress(OSError):
                if text.encode() in (process / "environ").read_bytes():
                    found.append(int(process.name))
        return found

    def processes(self) -> Iterator[Path]:
        """Folders in /proc, outside, of all processes there."""
        own = Path(f"/proc/{self._first()}/ns/pid").readlink()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (process / "ns" / "pid").readlink() == own:
                    yield process

    def kill(self) -> None:
        """End it as a machine that loses its power: no process there can say a word, and its address is gone."""
        if self.process.poll() is None:
            first = self._first()
            self.process.kill()
            self.process.wait(_ENDS_S)
            # The kernel ends the others before this one.
            eventually(lambda: _has_ended(first), f"{self.name} is off", _ENDS_S)

    @contextlib.contextmanager
    def slowed(self, share: float) -> Iterator[None]:
        """Let its processes run for this share of the time only, until the block ends."""
        over = threading.Event()

        def slow() -> None:
            while not over.wait(_TICK_S * share):
                self._signal(signal.SIGSTOP)
                over.wait(_TICK_S * (1 - share))
                self._signal(signal.SIGCONT)

        thread = threading.Thread(target=slow, name=f"slows {self.name}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _signal(self, number: signal.Signals) -> None:
        for process in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(process.name), number)

    def _first(self) -> str:
        """The first process in its own count: the child of the one that made the namespaces."""
        return Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0]


class Machines:
    """Makes hosts, and the user's machine, which is where this process runs.

    Args:
        folder: for keys, logs and what the hosts share.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.shared, self.key = folder, folder / "shared", folder / "key"
        self.shared.mkdir()
        self._venv = _environment(folder / "venv")
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key))
        _run("ip", "link", "set", "lo", "up")
        _run("ip", "link", "add", BRIDGE, "type", "bridge")
        _run("ip", "address", "add", f"{USER}/24", "dev", BRIDGE)
        _run("ip", "link", "set", BRIDGE, "up")

    @contextlib.contextmanager
    def running(self, *names: str) -> Iterator[dict[str, Host]]:
        """Start hosts of these names, which know each other by name, and end them with the block."""
        addresses = {name: f"{NETWORK}.{_FIRST + number}" for number, name in enumerate(names)}
        known = self.folder / "hosts"
        known.write_text("127.0.0.1 localhost\n" + "".join(f"{address} {n}\n" for n, address in addresses.items()))
        hosts: dict[str, Host] = {}
        try:
            for name, address in addresses.items():
                self._make_disk(name)
                hosts[name] = self._start(name, address)
            for host in hosts.values():
                _await_server(host)
            yield hosts
        finally:
            for host in hosts.values():
                host.kill()

    def started_again(self, host: Host) -> Host:
        """Start a host that was killed, with its address and its disk."""
        again = self._start(host.name, host.address)
        _await_server(again)
        return again

    def _make_disk(self, name: str) -> None:
        disk = self.folder / name / "disk"
        disk.mkdir(parents=True)
        _run("mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", str(disk))

    def _start(self, name: str, address: str) -> Host:
        folder = self.folder / name
        values = {
            "NAME": name,
            "ADDRESS": address,
            # No two hosts have a process of the same number: a ledger's process id names its host.
            "FIRST_PID": str(1000 + _PIDS * (int(address.rpartition(".")[2]) - _FIRST)),
            "USER_MACHINE": USER,
            "FOLDER": str(folder),
            "SHARED_ON_MACHINE": str(self.shared),
            "SHARED_FOLDER": SHARED,
            "PACKAGES": sys.prefix,
            "PYTHON": sys.base_prefix,
            "VENV": str(self._venv),
            "KEY": str(self.key),
            "HOSTS_FILE": str(self.folder / "hosts"),
        }
        spaces = ("--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child")
        with (folder / "log").open("a") as log:
            process = subprocess.Popen(
                ["unshare", *spaces, "bash", "-c", _BOOT],
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **values},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "unshared\n", (folder / "log").read_text()
        outer = f"to-{name}"
        _run("ip", "link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", str(process.pid))
        _run("ip", "link", "set", outer, "master", BRIDGE, "up")
        process.stdin.write("go\n")
        process.stdin.flush()
        return Host(name, address, process)


def eventually(holds: Callable[[], bool], what: str, timeout_s: float) -> None:
    """Ask again and again until it holds.

    Raises:
        TimeoutError: it did not within the time.
    """
    never = threading.Event()
    for _ in range(int(timeout_s / 0.1)):
        if holds():
            return
        never.wait(0.1)
    raise TimeoutError(f"{timeout_s:g} s have passed, and not yet: {what}")


def _has_ended(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def _await_server(host: Host) -> None:
    eventually(lambda: _accepts(host.address), f"{host.name} starts its SSH server", 60)


def _accepts(address: str, port: int = 22) -> bool:
    import socket

    with contextlib.suppress(OSError):
        socket.create_connection((address, port), timeout=1).close()
        return True
    return False


def _environment(folder: Path) -> Path:
    """The hosts' .venv: it is set up already, with this one's packages and the code that comes by file mounts."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    programs, packages = folder / "bin", folder / "lib" / version / "site-packages"
    programs.mkdir(parents=True)
    packages.mkdir(parents=True)
    base = Path(sys.base_prefix) / "bin" / version
    (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\nversion = {sys.version.split()[0]}\n")
    for name in ("python", "python3"):
        (programs / name).symlink_to(base)
    (packages / "espalier.pth").write_text(f"/root/espalier\n/opt/packages/lib/{version}/site-packages\n")
    for name, module, entry in (("ray", "ray.scripts.scripts", "main"), ("mlflow", "mlflow.cli", "cli")):
        script = programs / name
        script.write_text(f"#!/root/espalier/.venv/bin/python\nfrom {module} import {entry}\n{entry}()\n")
        script.chmod(0o755)
    (folder / ".setup-stamp").touch()
    return folder


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
