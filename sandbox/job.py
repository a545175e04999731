"""What to run: a script, or a solution with the checks that judge it."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from sandbox.errors import JobError
from sandbox.limits import MIB, Limits

SOLUTION = "solution.py"
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run of one program.

    A job without checks is a script: it passes if it runs to its end. With checks, the script is loaded as a module,
    and each check is executed outside of its process, on what its functions return; the job passes if all checks pass.

    Attributes:
        script: path of the file to run, among `files`.
        files: content of each file, by its path in the working folder. Text is written in UTF-8.
        arguments: command line of the script.
        checks: Python statements such as `assert add(1, 2) == 3`; None for a script. What the program returns arrives
            as plain data; other objects stay with the program, and cannot be compared. Arguments are copied.
        setup: statements to execute before the checks, in the same namespace.
        names: what checks take from the program even if a built-in or a module of the standard library has that name.
        exit_ends: whether a script may also end by `sys.exit(0)`.
        collect: paths of files that the result is to contain.
        collect_bytes: most bytes of these files together.
        environment: further variables of the program.
        libraries: folders to import from, which the program may read, such as a `site-packages`.
        readable: further files and folders that the program may read, where they are.
        gpu: whether the program may use the machine's GPUs.
        limits: what it may use.
    """

    script: str = SOLUTION
    files: Mapping[str, str | bytes]
    arguments: tuple[str, ...] = ()
    checks: tuple[str, ...] | None = None
    setup: str = ""
    names: tuple[str, ...] = ()
    exit_ends: bool = False
    collect: tuple[str, ...] = ()
    collect_bytes: int = 16 * MIB
    environment: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    libraries: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    gpu: bool = False
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        for name in (*self.files, *self.collect):
            _check_name(name)
        if self.script not in self.files:
            raise JobError(
                f"the script {self.script!r} is not among the job's files: {', '.join(self.files) or 'none'}"
            )
        for path in (*self.libraries, *self.readable):
            if not path.is_absolute() or not path.exists():
                raise JobError(f"the program is to read {str(path)!r}, which has to be an absolute path that is there")
        if self.checks is not None and not self.checks:
            raise JobError("a job with an empty list of checks would pass whatever it does; give a check, or None")

    def packed_files(self) -> dict[str, str]:
        """The files' content in base64."""
        contents = {name: body.encode() if isinstance(body, str) else body for name, body in self.files.items()}
        return {name: base64.b64encode(body).decode("ascii") for name, body in contents.items()}


def solution(
    code: str, *checks: str, setup: str = "", names: tuple[str, ...] = (), limits: Limits | None = None
) -> Job:
    """A job that judges the code of a solution by checks."""
    return Job(files={SOLUTION: code}, checks=checks, setup=setup, names=names, limits=limits or Limits())


def script(code: str, *, limits: Limits | None = None) -> Job:
    """A job that runs the code of a script."""
    return Job(files={SOLUTION: code}, limits=limits or Limits())


def _check_name(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
        raise JobError(f"a file of the job is called {name!r}; it has to be a path inside the working folder")
