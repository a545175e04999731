"""Addresses of MLflow stores: which work, made absolute, and where their artifacts go."""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from tracking.errors import TrackingUriError

_SQLITE = "sqlite:///"
_WEB = frozenset({"http", "https"})
_DATABASES = frozenset({"postgresql", "mysql", "mssql"})


def absolute_uri(uri: str) -> str:
    """``uri`` with its SQLite path absolute, so that every process means the same file whatever folder it is in.

    Raises:
        TrackingUriError: not an address of a kind that MLflow 3 stores runs in, or its folder does not exist.
    """
    if uri.startswith(_SQLITE):
        return _absolute_sqlite(uri)
    scheme = _scheme(uri)
    if scheme in _WEB | _DATABASES:
        if not urlsplit(uri).hostname:
            raise TrackingUriError(without_password(uri), "it names no host")
        return uri
    if scheme in {"", "file"}:
        raise TrackingUriError(without_password(uri), "a plain folder is no store any more since MLflow 3")
    raise TrackingUriError(without_password(uri), f"{scheme!r} is no kind of store that is known here")


def sqlite_path(uri: str) -> Path | None:
    """The database file of an absolute SQLite address; None for any other kind."""
    return Path(uri.removeprefix(_SQLITE).partition("?")[0]) if uri.startswith(_SQLITE) else None


def database_host(uri: str) -> tuple[str, int] | None:
    """Host and port of a database server; None for any other kind."""
    parts = urlsplit(uri)
    scheme = _scheme(uri)
    if scheme not in _DATABASES or parts.hostname is None:
        return None
    return parts.hostname, parts.port or {"postgresql": 5432, "mysql": 3306, "mssql": 1433}[scheme]


def artifact_location(uri: str, experiment: str) -> str | None:
    """Where an experiment's artifacts go; None leaves it to the server.

    MLflow's own default is ``./mlruns``, and a folder of that name makes later MLflow commands ignore the database:
    so ours is named otherwise and lies beside the database file (for a database server, in the working folder).
    """
    if _scheme(uri) in _WEB:
        return None
    file = sqlite_path(uri)
    root = file.parent if file else Path.cwd()
    return str(root / "mlartifacts" / (re.sub(r"[^A-Za-z0-9_.-]+", "-", experiment) or "experiment"))


def without_password(uri: str) -> str:
    """``uri`` fit to be shown and written down."""
    hidden = re.sub(r"(?<=://)([^/@:]*):[^/@]*@", r"\1:***@", uri)
    return re.sub(r"(?<=[?&]password=)[^&]*", "***", hidden)


def _absolute_sqlite(uri: str) -> str:
    name, mark, query = uri.removeprefix(_SQLITE).partition("?")
    if not name:
        raise TrackingUriError(without_password(uri), "it names no file, and a database in memory would be lost")
    path = Path(os.path.abspath(Path(name).expanduser()))  # noqa: PTH100 - resolve() would follow a link to the file
    if not path.parent.is_dir():
        raise TrackingUriError(without_password(uri), f"the folder {path.parent} does not exist")
    return f"{_SQLITE}{path}{mark}{query}"


def _scheme(uri: str) -> str:
    """The scheme without its driver: ``postgresql+psycopg://`` is PostgreSQL."""
    return urlsplit(uri).scheme.partition("+")[0]
