"""Prints a list of what it could reach: the planted secret, the network, other processes, files outside.

The secret comes reversed on the command line, so that finding it means to have found it elsewhere.
"""

import glob
import json
import os
import socket
import sys

TOKEN, FOLDER, PORT = sys.argv[1][::-1], sys.argv[2], int(sys.argv[3])
WRITABLE = (FOLDER, "/", "/usr", "/etc", "/dev", "/root", "/home", "/var/tmp", "/sys/kernel", "/proc/sys/kernel")
found = []


def reads(path: str) -> bytes:
    """The content of a file; nothing of one that cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(2**20)
    except OSError:
        return b""


def writes(folder: str) -> bool:
    """Whether a file can be made in a folder. It stays only where the parent looks for it."""
    path = os.path.join(folder, "written-by-probe")
    try:
        with open(path, "w"):
            pass
        if folder != FOLDER:
            os.unlink(path)
    except OSError:
        return False
    return True


def connects(family: int, address: tuple[str, int]) -> bool:
    """Whether something answers at an address."""
    try:
        with socket.socket(family, socket.SOCK_STREAM) as line:
            line.settimeout(2)
            line.connect(address)
            return True
    except OSError:
        return False


if any(TOKEN in value for value in os.environ.values()):
    found.append("a program sees the parent's environment")
if any(TOKEN.encode() in reads(path) for path in glob.glob("/proc/[0-9]*/environ")):
    found.append("a program sees the parent's environment in /proc")
if TOKEN.encode() in reads(os.path.join(FOLDER, "secret")):
    found.append("a program reads files outside")
if reads("/etc/shadow"):
    found.append("a program reads /etc/shadow")
if connects(socket.AF_INET, ("127.0.0.1", PORT)):
    found.append("a program reaches this machine's loopback")
if [
    name for _, name in socket.if_nameindex() if name != "lo" and not name.startswith(("tunl", "sit", "ip6tnl", "gre"))
]:
    found.append("a program has a network interface")
if len([name for name in os.listdir("/proc") if name.isdigit()]) > 3:
    found.append("a program sees processes outside")
if places := [folder for folder in WRITABLE if writes(folder)]:
    found.append(f"a program can write outside, in {', '.join(places)}")
print(json.dumps(found))
