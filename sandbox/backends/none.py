"""No isolation: for programs that their user trusts, and only where that is said. Limits hold as far as they can."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from sandbox.backends.base import ENVIRONMENT, INSIDE, Availability, Backend, Start, interpreter, supervisor_arguments
from sandbox.job import Job


class NoIsolation(Backend):
    """The same supervisor, referee and limits, as an ordinary process of this user."""

    name = "none"
    sandboxed = False

    def availability(self) -> Availability:
        """It can always be had."""
        return Availability(True, "no isolation: the program can do what this user can", "install bubblewrap")

    @contextlib.contextmanager
    def started(self, job: Job, environment: Mapping[str, str]) -> Iterator[Start]:
        """Make a folder for the run, and remove it at the end."""
        with tempfile.TemporaryDirectory(prefix="espalier-sandbox-", ignore_cleanup_errors=True) as folder:
            yield Start(
                command=(str(interpreter()), *supervisor_arguments(INSIDE.parent.parent)),
                environment=ENVIRONMENT,
                work=str(Path(folder) / "work"),
                temporary=str(Path(folder) / "tmp"),
                disk=None,
                user=None,
                own_user=False,
                isolated=False,
            )
