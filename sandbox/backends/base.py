"""The interface of a backend: it says whether it can be had here, and how a supervisor is started in isolation."""

import secrets
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import sandbox.inside
from sandbox.job import Job

INSIDE = Path(sandbox.inside.__file__).parent
FIRST_USER, USERS = 0x70000000, 2**28
"""Where root starts a sandbox, its program and referee are users from here on, which no system gives to anyone."""


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a backend can be had here.

    Attributes:
        usable: whether it can.
        found: what is there, or what is missing.
        advice: what to do about it; empty if there is nothing to do.
    """

    usable: bool
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How to start a supervisor.

    Attributes:
        command: its command line.
        environment: of the command; the program gets its own.
        work: the program's folder, as it sees it.
        temporary: the program's temporary folder, as it sees it.
        disk: a folder of the file system that is the run's own, as the supervisor sees it; None if there is none.
        user: user id for the program, and the next one for its referee; None where all stay the same user.
        own_user: whether the kernel counts the program's processes apart from all others.
        isolated: whether the supervisor is process 1 of a PID namespace of its own.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    work: str
    temporary: str
    disk: str | None
    user: int | None
    own_user: bool
    isolated: bool


ENVIRONMENT = MappingProxyType({"PYTHONHASHSEED": "0"})
"""What a supervisor starts with, and nothing else."""


class Backend(ABC):
    """A way to isolate a program. Its methods may be called from any thread."""

    name: ClassVar[str]
    sandboxed: ClassVar[bool] = True

    @abstractmethod
    def availability(self) -> Availability:
        """Say whether this backend can be had here. Starts no program."""

    @abstractmethod
    def started(self, job: Job, environment: Mapping[str, str]) -> AbstractContextManager[Start]:
        """Prepare a run, and tidy up behind it when the block ends.

        Args:
            job: what is to be run.
            environment: of this process; a backend passes on nothing that it does not need itself.
        """


def supervisor_arguments(root: Path | str) -> tuple[str, ...]:
    """The interpreter's arguments that start a supervisor: no site, no user's folder, no bytecode written.

    Not `-I`, which would ignore PYTHONHASHSEED: a solution that iterates over a set is to end alike each time.

    Args:
        root: the folder from which `sandbox.inside` is imported, as the supervisor sees it.
    """
    code = f"import sys; sys.path.insert(0, {str(root)!r}); from sandbox.inside.main import main; sys.exit(main())"
    return ("-s", "-P", "-S", "-B", "-c", code)


def unpredictable_user(first: int, count: int) -> int:
    """A user id for a program, with the next one for its referee, that hardly any other run has at the same time.

    Args:
        first: the first user id.
        count: how many there are.
    """
    return first + 2 * secrets.randbelow(count // 2)


def interpreter() -> Path:
    """The Python that runs this, without the links of a virtual environment."""
    return Path(sys.executable).resolve()
