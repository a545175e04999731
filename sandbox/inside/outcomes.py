"""How a run ended, and which limit ended it. Both sides of the sandbox use these words."""

from enum import StrEnum


class Outcome(StrEnum):
    """How a run, or one of its checks, ended."""

    PASSED = "passed"
    FAILED = "failed"
    NO_VERDICT = "no_verdict"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    OUT_OF_DISK = "out_of_disk"
    TOO_MANY_PROCESSES = "too_many_processes"
    OUTPUT_TOO_LARGE = "output_too_large"
    KILLED = "killed"
    INFRASTRUCTURE = "infrastructure"


class LimitName(StrEnum):
    """Which limit was the reason."""

    WALL = "wall_s"
    CPU = "cpu_s"
    MEMORY = "memory_bytes"
    DISK = "disk_bytes"
    PROCESSES = "processes"
    OUTPUT = "output_bytes"


LIMIT_OF = {
    Outcome.TIMED_OUT: LimitName.WALL,
    Outcome.OUT_OF_MEMORY: LimitName.MEMORY,
    Outcome.OUT_OF_DISK: LimitName.DISK,
    Outcome.TOO_MANY_PROCESSES: LimitName.PROCESSES,
    Outcome.OUTPUT_TOO_LARGE: LimitName.OUTPUT,
}
"""The limit that an outcome names where nothing more exact is known."""

WORDS = {
    LimitName.WALL: "{:g} s of wall time",
    LimitName.CPU: "{:g} s of processor time",
    LimitName.MEMORY: "{:,} bytes of memory",
    LimitName.DISK: "{:,} bytes of disk",
    LimitName.PROCESSES: "{:,} processes and threads",
    LimitName.OUTPUT: "{:,} bytes of output",
}
"""How a limit is put into words."""
