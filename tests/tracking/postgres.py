"""A PostgreSQL server for tests, from the system's packages: on loopback, with a password, in a temporary folder."""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_USER = "espalier"
_SPARING = ("fsync=off", "shared_buffers=32MB", "max_connections=60", "autovacuum=off")
"""A test needs no disk that survives a power cut."""


def missing() -> str | None:
    """What is missing to start one; None if nothing is."""
    if importlib.util.find_spec("psycopg") is None:
        return "psycopg is not installed: pip install 'psycopg[binary]'"
    if _program("initdb") is None:
        return "PostgreSQL is not installed: apt-get install postgresql"
    if os.geteuid() == 0 and "postgres" not in {user.pw_name for user in pwd.getpwall()}:
        return "PostgreSQL does not run as root, and there is no user 'postgres'"
    return None


class Postgres:
    """The server, which can be stopped and started again.

    Attributes:
        port: on loopback.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._data = folder, folder / "data"
        self._password = secrets.token_hex(8)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (folder / "password").write_text(self._password, encoding="utf-8")
        # It refuses to run as root.
        self._as = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        if self._as:
            for path in (folder, folder / "password"):
                shutil.chown(path, "postgres", "postgres")
        self._run("initdb", "-D", str(self._data), "-U", _USER, "-A", "scram-sha-256", "--no-sync",
                  "-E", "UTF8", "--locale=C", f"--pwfile={folder / 'password'}")  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def uri(self, database: str = "postgres") -> str:
        """The address of a database."""
        return f"postgresql://{_USER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str) -> str:
        """Make a database, and return its address."""
        import psycopg

        with psycopg.connect(self.uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {database}")  # type: ignore[arg-type,unused-ignore]
        return self.uri(database)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [part for setting in _SPARING for part in ("-c", setting)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(_program("postgres")), "-D", str(self._data), "-p", str(self.port), "-k", str(self._folder),
                 "-c", "listen_addresses=127.0.0.1", *options],
                stdout=log, stderr=log, **self._as,  # type: ignore[call-overload]
            )  # fmt: skip
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "log").read_text(encoding="utf-8")

    def stop(self) -> None:
        """Stop it at once, as a machine that fails does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.uri()).close()
        except psycopg.OperationalError:
            time.sleep(0.05)  # leaves the cores to the starting server; nothing depends on the duration
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(_program(program)), *arguments], capture_output=True, text=True, check=False, cwd="/", **self._as
        )  # type: ignore[call-overload]
        assert done.returncode == 0, done.stderr


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Start one in a temporary folder that its user may enter, and remove it."""
    with tempfile.TemporaryDirectory(prefix="esp-pg-") as folder:
        server = Postgres(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _program(name: str) -> str | None:
    """Debian keeps them out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else shutil.which(name)
