"""Addresses of MLflow stores: which are supported, how they are made absolute, and where artifacts go.

An address of a SQLite file is made by `sqlite_uri` and read by `sqlite_path`, and nowhere else: in an address, `?`
begins the options and `%20` is a space, but both may also occur in the name of a folder.
"""

import os
import re
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from tracking.errors import TrackingUriError

_SQLITE = "sqlite:///"
_WEB = frozenset({"http", "https"})
_DATABASES = frozenset({"postgresql", "mysql", "mssql"})
_SQLITE_OPTIONS = frozenset({"timeout", "isolation_level", "detect_types", "check_same_thread", "cached_statements"})
_SECRET_OPTIONS = re.compile(
    r"""
    (?<=[?&;])
    (
        [\w.-]*(?:password|passwd|pwd|token|secret|signature|credential|api[-_.]?key)
        | (?:[\w.-]*[-_.])?(?:pass|key|sig|auth)  # not PostgreSQL's sslkey, which is the path of a file
    )
    =[^&;#]*
    """,
    re.IGNORECASE | re.VERBOSE,
)


def sqlite_uri(path: Path, options: str = "") -> str:
    """Return the address of a SQLite file; `sqlite_path` is the inverse.

    Args:
        path: The absolute path of the file.
        options: What follows the `?` of the address, such as `timeout=5`.
    """
    # Only what would be read as something else is encoded: MLflow also takes the address for a path as it is.
    name = re.sub(r"%(?=[0-9A-Fa-f]{2})", "%25", str(path)).replace("?", "%3F")
    return f"{_SQLITE}{name}{'?' * bool(options)}{options}"


def sqlite_path(uri: str) -> Path | None:
    """Return the database file of a SQLite address; None for any other kind."""
    return Path(unquote(uri.removeprefix(_SQLITE).partition("?")[0])) if uri.startswith(_SQLITE) else None


def check_kind(uri: str) -> None:
    """Check that MLflow can store runs at such an address; nothing is opened.

    Raises:
        TrackingUriError: It cannot; the message quotes the address without its password.
    """
    if uri.startswith(_SQLITE):
        _check_sqlite(uri)
        return
    scheme = _scheme(uri)
    if scheme in _WEB | _DATABASES:
        if not _host(uri):
            raise TrackingUriError(without_password(uri), "it names no host")
    elif scheme in {"", "file"}:
        raise TrackingUriError(without_password(uri), "MLflow 3 no longer stores runs in a plain folder")
    else:
        raise TrackingUriError(without_password(uri), f"{scheme!r} is not a supported kind of store")


def located_uri(uri: str) -> str:
    """Make the path of a SQLite address absolute, so that it names the same file in every working directory.

    Raises:
        TrackingUriError: MLflow 3 cannot store runs at such an address.
    """
    check_kind(uri)
    asked = sqlite_path(uri)
    if asked is None:
        return uri
    path = Path(os.path.abspath(asked.expanduser()))  # noqa: PTH100 - resolve() would follow a link to the file
    return sqlite_uri(path, uri.partition("?")[2])


def absolute_uri(uri: str) -> str:
    """Make a SQLite address absolute, and check that its folder exists.

    Raises:
        TrackingUriError: MLflow 3 cannot store runs at such an address, or its folder does not exist.
    """
    located = located_uri(uri)
    path = sqlite_path(located)
    if path is not None and not path.parent.is_dir():
        raise TrackingUriError(without_password(uri), f"the folder {path.parent} does not exist{_meant(uri)}")
    return located


def database_host(uri: str) -> tuple[str, int] | None:
    """Return the host and the port of a database server; None for any other kind of address."""
    scheme = _scheme(uri)
    if scheme not in _DATABASES or not _host(uri):
        return None
    parts = urlsplit(uri)
    return str(parts.hostname), parts.port or {"postgresql": 5432, "mysql": 3306, "mssql": 1433}[scheme]


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
    place = root / "mlartifacts" / (re.sub(r"[^A-Za-z0-9_.-]+", "-", experiment) or "experiment")
    return str(place) if quote(str(place)) == str(place) else place.as_uri()


def without_password(uri: str) -> str:
    """Replace every secret in an address by `***`, so that it can be shown and recorded.

    A secret is the password before the host, the user name of a web address (where tokens stand), and the value of an
    option such as `password`, `token` or `api_key`.
    """
    if _scheme(uri) in _WEB:
        hidden = re.sub(r"(?<=://)[^/?#@]*@", "***@", uri)
    else:
        # As SQLAlchemy reads it: a password may contain a slash.
        hidden = re.sub(r"(?<=://)([^/@:]*):[^@]*@", r"\1:***@", uri)
    return _SECRET_OPTIONS.sub(r"\1=***", hidden)


def without_secrets(uri: str) -> str:
    """Leave every secret of an address out, so that it can be recorded and used again where the secret is known."""
    base, mark, options = without_password(uri).replace("://***@", "://").replace(":***@", "@").partition("?")
    kept = [option for option in re.split("[&;]", options) if not option.endswith("=***")]
    return f"{base}{mark if kept else ''}{'&'.join(kept)}" if mark else base


def _check_sqlite(uri: str) -> None:
    name, mark, options = uri.removeprefix(_SQLITE).partition("?")
    if not name or name == ":memory:":
        raise TrackingUriError(without_password(uri), "it names no file, and an in-memory database would be lost")
    known = dict(parse_qsl(options, keep_blank_values=True)).keys() <= _SQLITE_OPTIONS
    if mark and not (known and "=" in options):
        literal = sqlite_uri(Path(uri.removeprefix(_SQLITE)))
        raise TrackingUriError(
            without_password(uri),
            f"what follows its ? is no option of SQLite; a ? in the name of a folder is written %3F, as in {literal}",
        )


def _meant(uri: str) -> str:
    """Return a hint where an address was written like a path that exists."""
    literal = Path(uri.removeprefix(_SQLITE).partition("?")[0])
    if "%" in str(literal) and literal.parent.is_dir():
        return (
            f" (in an address %20 is a space; a % in the name of a folder is written %25, as in {sqlite_uri(literal)})"
        )
    return ""


def _host(uri: str) -> str | None:
    """Return the host.

    Raises:
        TrackingUriError: The address has no readable host or port.
    """
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError as error:
        raise TrackingUriError(without_password(uri), str(error)) from None
    return parts.hostname


def _scheme(uri: str) -> str:
    """Return the scheme without its driver: `postgresql+psycopg://` is PostgreSQL."""
    return uri.partition(":")[0].partition("+")[0].lower() if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", uri) else ""
