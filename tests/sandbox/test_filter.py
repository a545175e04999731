"""The filter of system calls, run by an interpreter of its own, and put on a real process."""

import errno
import os
import struct
import textwrap
from collections.abc import Sequence

import pytest

from sandbox.inside.system_calls import ABSENT, ARCHITECTURES, REFUSED, program
from sandbox.job import script
from sandbox.limits import MIB, Limits
from sandbox.runner import Sandbox
from tests.sandbox.contract import MANY

ALLOW, KILL = 0x7FFF0000, 0x80000000


def refused(code: int) -> int:
    return 0x00050000 | code


def decided(code: bytes, architecture: int, number: int, arguments: Sequence[int] = ()) -> int:
    """What the filter decides about a system call: classic BPF, as far as it is used here, by the kernel's document."""
    given = [*arguments, *(0 for _ in range(6 - len(arguments)))]
    data = struct.pack("<IIQ6Q", number, architecture, 0, *given)
    lines = list(struct.iter_unpack("=HBBI", code))
    place = accumulator = 0
    while True:
        instruction, if_true, if_false, operand = lines[place]
        place += 1
        match instruction:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, operand)
            case 0x54:
                accumulator &= operand
            case 0x15:
                place += if_true if accumulator == operand else if_false
            case 0x35:
                place += if_true if accumulator >= operand else if_false
            case 0x45:
                place += if_true if accumulator & operand else if_false
            case 0x06:
                return int(operand)
            case _:
                raise AssertionError(f"no such instruction: {instruction:#x}")


@pytest.mark.parametrize("machine", list(ARCHITECTURES))
class TestDecisions:
    def decided(self, machine: str, number: int | None, *arguments: int) -> int:
        assert number is not None
        return decided(program(machine), ARCHITECTURES[machine][0], number, arguments)

    def test_what_is_refused(self, machine: str) -> None:
        column = ARCHITECTURES[machine][1]
        for numbers, code in ((REFUSED, errno.EPERM), (ABSENT, errno.ENOSYS)):
            for name, row in numbers.items():
                if row[column] is not None:
                    assert self.decided(machine, row[column]) == refused(code), name

    def test_what_every_program_needs(self, machine: str) -> None:
        read, write, execve = {"x86_64": (0, 1, 59), "aarch64": (63, 64, 221)}[machine]
        for number in (read, write, execve):
            assert self.decided(machine, number) == ALLOW

    def test_clone_with_and_without_a_namespace(self, machine: str) -> None:
        clone = {"x86_64": 56, "aarch64": 220}[machine]
        threads, child = 0x003D0F00, 17
        assert self.decided(machine, clone, threads) == ALLOW
        assert self.decided(machine, clone, child) == ALLOW
        for namespace in (0x10000000, 0x20000000, 0x40000000, 0x00020000, 0x04000000, 0x08000000, 0x02000000):
            assert self.decided(machine, clone, namespace | child) == refused(errno.EPERM)

    def test_families_of_sockets(self, machine: str) -> None:
        socket = {"x86_64": 41, "aarch64": 198}[machine]
        for family in range(46):
            expected = ALLOW if family in (1, 2, 10, 16) else refused(errno.EAFNOSUPPORT)
            assert self.decided(machine, socket, family, 1) == expected, family

    def test_limits_of_others(self, machine: str) -> None:
        prlimit = {"x86_64": 302, "aarch64": 261}[machine]
        assert self.decided(machine, prlimit, 0) == ALLOW
        assert self.decided(machine, prlimit, 1) == refused(errno.EPERM)

    def test_mappings(self, machine: str) -> None:
        mmap = {"x86_64": 9, "aarch64": 222}[machine]
        shared, private, anonymous = 1, 2, 32
        assert self.decided(machine, mmap, 0, 4096, 3, private | anonymous) == ALLOW
        assert self.decided(machine, mmap, 0, 4096, 3, shared) == ALLOW
        assert self.decided(machine, mmap, 0, 4096, 3, shared | anonymous) == refused(errno.EPERM)

    def test_another_architecture_is_the_end(self, machine: str) -> None:
        i386 = 0x40000003
        assert decided(program(machine), i386, 1) == KILL


def test_numbers_of_x32_are_no_way_round() -> None:
    assert decided(program("x86_64"), ARCHITECTURES["x86_64"][0], 0x40000000 | 101) == refused(errno.ENOSYS)


def test_the_kernel_has_the_limits_too(box: Sandbox) -> None:
    """The supervisor looks every few milliseconds; what happens in between, the kernel limits."""
    code = """
    import resource
    for name in ("NPROC", "AS", "FSIZE", "CPU", "CORE", "MSGQUEUE"):
        print(name, *resource.getrlimit(getattr(resource, f"RLIMIT_{name}")))
    """
    limits = Limits(processes=20, memory_bytes=64 * MIB, disk_bytes=MIB, cpu_s=5)
    printed = box.run(script(textwrap.dedent(code), limits=limits)).stdout
    found = {name: tuple(map(int, ends)) for name, *ends in map(str.split, printed.splitlines())}
    processes = 20 if os.geteuid() == 0 else 21
    address = 64 * MIB + 4 * 2**30
    expected = {"NPROC": processes, "AS": address, "FSIZE": MIB, "CPU": 7, "CORE": 0, "MSGQUEUE": 0}
    assert found == {name: (most, most) for name, most in expected.items()}


def test_the_kernel_takes_the_filter(box: Sandbox) -> None:
    """Also without any other isolation: it is the process's own."""
    code = "print(open('/proc/self/status').read())"
    status = dict(
        line.split(":\t", 1) for line in box.run(script(code, limits=MANY)).stdout.splitlines() if ":\t" in line
    )
    assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1")
    assert {status[name].strip("0") for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {""}
    if os.geteuid() == 0:
        assert set(status["Uid"].split()) != {"0"}
        assert len(set(status["Uid"].split())) == 1
