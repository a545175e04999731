"""Addresses of MLflow stores: which are supported, how they are made absolute, and where artifacts go."""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from tracking.errors import TrackingUriError

_QUERY_SECRET = re.compile(
    r"([?&;](?:[\w.-]*[-_.])?(?:password|passwd|token|secret|key|apikey)=)[^&;#]*", re.IGNORECASE
)
_SQLITE = "sqlite:///"
_WEB = frozenset({"http", "https"})
_DATABASES = frozenset({"postgresql", "mysql", "mssql"})


def absolute_uri(uri: str) -> str:
    """Make the path of a SQLite address absolute, so that it names the same file in every working directory.

    Raises:
        TrackingUriError: MLflow 3 cannot store runs at such an address, or its folder does not exist.
    """
    if uri.startswith(_SQLITE):
        return _absolute_sqlite(uri)
    scheme = _scheme(uri)
    if scheme in _WEB | _DATABASES:
        if not urlsplit(uri).hostname:
            raise TrackingUriError(without_password(uri), "it names no host")
        return uri
    if scheme in {"", "file"}:
        raise TrackingUriError(without_password(uri), "MLflow 3 no longer stores runs in a plain folder")
    raise TrackingUriError(without_password(uri), f"{scheme!r} is not a supported kind of store")


def sqlite_path(uri: str) -> Path | None:
    """Return the database file of an absolute SQLite address; None for any other kind."""
    return Path(uri.removeprefix(_SQLITE).partition("?")[0]) if uri.startswith(_SQLITE) else None


def database_host(uri: str) -> tuple[str, int] | None:
    """Return the host and the port of a database server; None for any other kind of address."""
    parts = urlsplit(uri)
    scheme = _scheme(uri)
    if scheme not in _DATABASES or parts.hostname is None:
        return None
    return parts.hostname, parts.port or {"postgresql": 5432, "mysql": 3306, "mssql": 1433}[scheme]


def artifact_location(uri: str, experiment: str) -> str | None:
    """Return where the artifacts of an experiment are stored; None leaves that to the server.

    MLflow's default is `./mlruns`, and a folder of that name makes later MLflow commands ignore the database. Ours
    therefore has another name, and is placed beside the database file, or in the working directory for a database
    server.
    """
    if _scheme(uri) in _WEB:
        return None
    file = sqlite_path(uri)
    root = file.parent if file else Path.cwd()
    return str(root / "mlartifacts" / (re.sub(r"[^A-Za-z0-9_.-]+", "-", experiment) or "experiment"))


def without_password(uri: str) -> str:
    """Replace the password in an address by `***`, so that it can be shown and recorded."""
    hidden = re.sub(r"(?<=://)([^/@:]*):[^/@]*@", r"\1:***@", uri)
    return _QUERY_SECRET.sub(r"\1***", hidden)


def _absolute_sqlite(uri: str) -> str:
    name, mark, query = uri.removeprefix(_SQLITE).partition("?")
    if not name:
        raise TrackingUriError(without_password(uri), "it names no file, and an in-memory database would be lost")
    path = Path(os.path.abspath(Path(name).expanduser()))  # noqa: PTH100 - resolve() would follow a link to the file
    if not path.parent.is_dir():
        raise TrackingUriError(without_password(uri), f"the folder {path.parent} does not exist")
    return f"{_SQLITE}{path}{mark}{query}"


def _scheme(uri: str) -> str:
    """Return the scheme without its driver: `postgresql+psycopg://` is PostgreSQL."""
    return urlsplit(uri).scheme.partition("+")[0]
