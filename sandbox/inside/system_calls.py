"""The system calls that a program in the sandbox may not make: a seccomp filter, as the bytes that the kernel takes.

It is the second line of defence. Namespaces hide files, processes and networks; the filter takes away what no judged
program needs and much of the kernel's surface: tracing, mounting, new namespaces, modules, keys, and memory that no
limit counts.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Mapping, Sequence

from sandbox.inside.process_control import prctl

_SET_SECCOMP, _MODE_FILTER = 22, 2
_KILL, _ALLOW, _ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_X32 = 0x40000000
_NEW_NAMESPACES = 0x7E020000
_SHARED_ANONYMOUS = 0x21
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16

ARCHITECTURES: Mapping[str, tuple[int, int]] = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""The kernel's number of each machine that the filter knows, and the column of its system calls."""

REFUSED: Mapping[str, tuple[int | None, int | None]] = {
    # Other processes: their memory, descriptors and limits.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "setpriority": (141, 140),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # Namespaces and mounts.
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # The machine.
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    # Parts of the kernel with a long record of faults.
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "vmsplice": (278, 75),
    # Memory of no process and of no file system: no limit would count it.
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
}
"""Refused with EPERM: the numbers on x86_64 and on aarch64."""

ABSENT: Mapping[str, tuple[int, int]] = {
    # Programs ask for these first, and do without where the kernel has none. The arguments of clone3 lie in memory,
    # where a filter cannot read them.
    "clone3": (435, 435),
    "memfd_create": (319, 279),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}
"""Refused with ENOSYS."""

_CLONE, _SOCKET, _PRLIMIT, _MMAP = (56, 220), (41, 198), (302, 261), (9, 222)


def install() -> None:
    """Put the filter on this process and all that it starts, for ever. It must have forbidden itself new privileges.

    Raises:
        OSError: the kernel takes no filter, or the filter does not know this machine.
    """
    machine = os.uname().machine
    if machine not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise OSError(errno.ENOSYS, f"the filter of system calls knows {known}, and this machine is {machine}")
    code = program(machine)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = ctypes.create_string_buffer(
        struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer)), struct.calcsize("@HP")
    )
    prctl(_SET_SECCOMP, _MODE_FILTER, ctypes.c_void_p(ctypes.addressof(header)))


def program(machine: str) -> bytes:
    """The filter for a machine, as instructions of classic BPF."""
    architecture, column = ARCHITECTURES[machine]
    lines = [
        _instruction(_LOAD, 0, 0, _ARCHITECTURE_AT),
        _instruction(_EQUAL, 1, 0, architecture),
        _instruction(_RETURN, 0, 0, _KILL),
        _instruction(_LOAD, 0, 0, _NUMBER_AT),
    ]
    if machine == "x86_64":
        lines += [_instruction(_AT_LEAST, 0, 1, _X32), _refuse(errno.ENOSYS)]
    for numbers, code in ((REFUSED, errno.EPERM), (ABSENT, errno.ENOSYS)):
        for row in numbers.values():
            if (number := row[column]) is not None:
                lines += [_instruction(_EQUAL, 0, 1, number), _refuse(code)]
    lines += _unless(_CLONE[column], 0, [_instruction(_ANY_BIT, 0, 1, _NEW_NAMESPACES), _refuse(errno.EPERM)])
    # A process may change its own limits, not those of others.
    lines += _unless(_PRLIMIT[column], 0, [_instruction(_EQUAL, 1, 0, 0), _refuse(errno.EPERM)])
    # Pages of such a mapping live on where no process shows them as its own.
    anonymous = [_instruction(_AND, 0, 0, _SHARED_ANONYMOUS), _instruction(_EQUAL, 0, 1, _SHARED_ANONYMOUS)]
    lines += _unless(_MMAP[column], 3, [*anonymous, _refuse(errno.EPERM)])
    families = (_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK)
    # Not AF_VSOCK, which reaches the host of a virtual machine and knows no namespaces.
    checks = [_instruction(_EQUAL, len(families) - place, 0, family) for place, family in enumerate(families)]
    lines += _unless(_SOCKET[column], 0, [*checks, _refuse(errno.EAFNOSUPPORT)])
    return b"".join([*lines, _instruction(_RETURN, 0, 0, _ALLOW)])


def _unless(number: int, argument: int, checks: Sequence[bytes]) -> list[bytes]:
    """For one system call: load the low half of an argument, run the checks, and allow it where they fall through."""
    return [
        _instruction(_EQUAL, 0, len(checks) + 2, number),
        _instruction(_LOAD, 0, 0, _ARGUMENTS_AT + 8 * argument),
        *checks,
        _instruction(_RETURN, 0, 0, _ALLOW),
    ]


def _refuse(code: int) -> bytes:
    return _instruction(_RETURN, 0, 0, _ERRNO | code)


def _instruction(code: int, if_true: int, if_false: int, operand: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)
