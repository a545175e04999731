"""How a judgement can end."""

from enum import StrEnum


class Which(StrEnum):
    """The checks by which code is judged."""

    VISIBLE = "visible"
    HELD_OUT = "held_out"


class Outcome(StrEnum):
    """How code did at its checks. All but the first and the last are failures of the code.

    Attributes:
        PASSED: every check holds.
        WRONG: a check does not hold.
        ERROR: the code raised an exception, or lacks the function that is called.
        SYNTAX: it is no Python.
        TIME: it took too long, by the clock or by the processor.
        MEMORY: it took too much memory.
        DISK: it wrote too much.
        PROCESSES: it started too many processes or threads.
        OUTPUT: it printed, or returned, too much.
        EXITED: it ended its own process, with whatever exit code, before it was judged.
        KILLED: a signal ended it, such as a crash in C.
        FORGED: it did not solve the task, and tried to be called right all the same.
        INFRASTRUCTURE: nothing is known about the code, because the sandbox or a check failed.
    """

    PASSED = "passed"
    WRONG = "wrong"
    ERROR = "error"
    SYNTAX = "syntax"
    TIME = "time"
    MEMORY = "memory"
    DISK = "disk"
    PROCESSES = "processes"
    OUTPUT = "output"
    EXITED = "exited"
    KILLED = "killed"
    FORGED = "forged"
    INFRASTRUCTURE = "infrastructure"
