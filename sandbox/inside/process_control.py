"""What a process of the sandbox asks of the kernel for itself, through the C library that is loaded."""

import ctypes

_SET_PDEATHSIG, _SET_DUMPABLE, _SET_NO_NEW_PRIVS, _SET_CHILD_SUBREAPER = 1, 4, 38, 36
_SIGKILL = 9
_CAPABILITY_VERSION = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def hide() -> None:
    """Close this process's memory, descriptors and environment to others of the same user, in /proc and to ptrace."""
    prctl(_SET_DUMPABLE, 0)


def show() -> None:
    """Undo `hide`, which a change of user implies: a program finds its own /proc/self as usual."""
    prctl(_SET_DUMPABLE, 1)


def die_with_parent() -> None:
    """Be killed when the parent ends."""
    prctl(_SET_PDEATHSIG, _SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, as process 1 is anyway."""
    prctl(_SET_CHILD_SUBREAPER, 1)


def forbid_new_privileges() -> None:
    """Make set-user-ID files and the like give nothing."""
    prctl(_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Give up all capabilities, also those that a program started later could inherit.

    Raises:
        OSError: the kernel refused.
    """
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    nothing = (ctypes.c_uint32 * 6)()
    if _libc.capset(header, nothing) != 0:
        raise OSError(ctypes.get_errno(), "capset was refused")


def prctl(option: int, *arguments: int | ctypes.c_void_p) -> None:
    """Make the system call of that name.

    Raises:
        OSError: the kernel refused.
    """
    given = [argument if isinstance(argument, ctypes.c_void_p) else ctypes.c_ulong(argument) for argument in arguments]
    padded = [*given, *(ctypes.c_ulong(0) for _ in range(4 - len(given)))]
    if _libc.prctl(ctypes.c_int(option), *padded) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}) was refused")
