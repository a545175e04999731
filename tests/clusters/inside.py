"""Runs a command in namespaces of its own, where it may make hosts: its own network, mounts and processes.

`python -m tests.clusters.inside COMMAND …`. When the command ends, or is killed, the kernel ends every process in there
and takes the network, the mounts and what was written to temporary folders away. Where that is not possible it says
why, and the exit code is 0.
"""

import os
import shutil
import signal
import subprocess
import sys

from tests.clusters.hosts import ALLOWED

PROGRAMS = {
    "unshare": "util-linux",
    "ip": "iproute2",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "rsync": "rsync",
}
UNSHARE = ("unshare", "--net", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc")
TRIAL = """
set -e
ip link add test0 type veth peer name test1
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root /mnt/of_tmp /mnt/work_of_tmp
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
mount -t overlay overlay -o lowerdir=/tmp,upperdir=/mnt/of_tmp,workdir=/mnt/work_of_tmp /tmp
echo 1000 > /proc/sys/kernel/ns_last_pid
"""
FILES = """
set -e
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/tmp
chmod 1777 /mnt/upper
mount -t overlay overlay -o lowerdir=/tmp,upperdir=/mnt/upper,workdir=/mnt/work /tmp
TMPDIR=/mnt/tmp "$@"
"""
"""Temporary files in memory, which go with the mounts. Ray keeps its SSH connections in /tmp itself, by addresses of
hosts, which two such commands have in common: each has a /tmp of its own, that shows what lies in this machine's.

The shell stays: the first process in there buries those whose parents have ended.
"""


def refusal() -> str | None:
    """Why hosts cannot be made here; None if they can."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = sorted({package for program, package in PROGRAMS.items() if shutil.which(program, path=path) is None})
    if missing:
        return f"{', '.join(missing)} not installed (apt-get install {' '.join(missing)})"
    if os.geteuid() != 0:
        return "only root may make hosts with addresses of their own"
    done = subprocess.run([*UNSHARE, "sh", "-c", TRIAL], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"namespaces are not allowed here ({done.stderr.strip()[:200]})"


def main(command: list[str]) -> int:
    """Run the command there, and return its exit code."""
    why = refusal()
    if why is not None:
        sys.stdout.write(f"skipped: no cluster of hosts on this machine: {why}\n")
        return 0
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    # `unshare` takes no SIGTERM, and all that is inside ends with it: it is killed, also if this process is.
    inside = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", *UNSHARE, "sh", "-c", FILES, "sh", *command],
        env={**os.environ, ALLOWED: "1", "PATH": path},
    )
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: inside.kill())
    # Ctrl-C reaches the command itself, which then ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    code = inside.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
