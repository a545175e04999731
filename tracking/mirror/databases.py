"""What is in a database before MLflow opens it: a check never creates, migrates or waits.

MLflow migrates whatever lacks one of its tables, waits twenty seconds for each lock, and retries for minutes.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tracking.errors import MlflowLockedError, MlflowSchemaError, MlflowUnreachableError
from tracking.locks import ExclusiveLock
from tracking.uris import sqlite_uri, without_password

LOCK_S = 3.0
"""Seconds that a lock of another process is waited for; a write of another run takes milliseconds."""
CREATE_S = 30.0
"""Seconds that the creation of the database by another process is waited for; it takes about five."""

_VERSION = "SELECT version_num FROM alembic_version"
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"


def open_file(uri: str, file: Path, *, create: bool) -> None:
    """Check that a SQLite file holds MLflow's tables as this MLflow needs them.

    Args:
        uri: The address of the file.
        file: The file.
        create: Whether a file that does not exist yet, or is empty, is made. An existing schema is never changed.

    Raises:
        MlflowLockedError: Another process holds a lock on the file.
        MlflowSchemaError: It was made by another version of MLflow.
        MlflowUnreachableError: There is no such file, or it is no database of MLflow.
    """
    if not _is_empty(file):
        _check_schema(uri, _version_in_file(uri, file))
    elif not create:
        state = "it is empty" if file.exists() else "there is no such file yet"
        raise MlflowUnreachableError(uri, f"{state}; the first run creates it")
    else:
        _create(uri, file)


def check_free(uri: str, file: Path) -> None:
    """Check that a SQLite file can be written now.

    Raises:
        MlflowLockedError: Another process holds a lock on it.
        MlflowUnreachableError: It cannot be written.
    """
    with _connected(uri, file) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.rollback()


def check_server(uri: str, *, create: bool) -> None:
    """Check the same of a database server. An empty database is left to MLflow if `create` is true.

    Raises:
        MlflowSchemaError: It was made by another version of MLflow.
        MlflowUnreachableError: It is empty, and `create` is false. Errors of the driver are not converted.
    """
    import sqlalchemy
    from alembic.migration import MigrationContext

    engine = sqlalchemy.create_engine(uri)
    try:
        with engine.connect() as connection:
            version = MigrationContext.configure(connection).get_current_revision()
            tables = sqlalchemy.inspect(connection).get_table_names()
    finally:
        engine.dispose()
    if version is not None or tables:
        _check_schema(uri, version)
    elif not create:
        raise MlflowUnreachableError(without_password(uri), "the database is empty; the first run fills it")


@contextlib.contextmanager
def no_stray_folders(uri: str) -> Iterator[None]:
    """Remove the folders that MLflow makes in the `with` block because it takes the address of a file for its path."""
    named = Path(uri.removeprefix("sqlite:///").partition("?")[0]).parent
    strays = [folder for folder in (named, *named.parents) if not folder.exists()] if uri.startswith("sqlite:") else []
    try:
        yield
    finally:
        for folder in strays:
            with contextlib.suppress(OSError):  # not there, or in use by somebody else
                folder.rmdir()


def _create(uri: str, file: Path) -> None:
    """Make the file as a whole: a process that is killed in between leaves no half of a schema.

    Of twelve processes that opened a new SQLite store at once, eleven failed in its migrations: one of them makes it.
    """
    target = file.resolve()  # a link stays a link
    try:
        with ExclusiveLock(target.with_name(target.name + ".lock"), guards=target, wait_s=CREATE_S):
            if _is_empty(target):
                draft = target.with_name(f".{target.name}.draft")
                for left in (draft, draft.with_name(draft.name + "-journal")):
                    left.unlink(missing_ok=True)
                _fill(sqlite_uri(draft))
                draft.replace(target)
    except OSError as error:
        raise MlflowUnreachableError(uri, f"{file} cannot be made: {error.strerror or error}") from error


def _fill(address: str) -> None:
    from mlflow.store.tracking import DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with no_stray_folders(address):
        SqlAlchemyStore(address, DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH).engine.dispose()


def _is_empty(file: Path) -> bool:
    try:
        return file.stat().st_size == 0
    except FileNotFoundError:
        return True


def _version_in_file(uri: str, file: Path) -> str | None:
    """Return the version of MLflow's schema; None for a database without one.

    Raises:
        MlflowUnreachableError: The file belongs to something else.
    """
    with _connected(uri, file) as connection:
        tables = {name for (name,) in connection.execute(_TABLES)}
        versions = [version for (version,) in connection.execute(_VERSION)] if "alembic_version" in tables else []
    if tables and "experiments" not in tables:
        raise MlflowUnreachableError(uri, f"{file} is a database of something else, without the tables of MLflow")
    return versions[0] if versions else None


def _check_schema(uri: str, found: str | None) -> None:
    import mlflow
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(Path(mlflow.__file__).parent / "store" / "db_migrations"))
    needed = str(scripts.get_current_head())
    if found != needed:
        known = {script.revision for script in scripts.walk_revisions()} | {None}
        raise MlflowSchemaError(without_password(uri), found or "none", needed, newer=found not in known)


@contextlib.contextmanager
def _connected(uri: str, file: Path) -> Iterator[sqlite3.Connection]:
    """Open a file that exists. It may be written, because a rollback after a crash of its writer needs that.

    Raises:
        MlflowLockedError: Another process holds a lock.
        MlflowUnreachableError: SQLite reports another error.
    """
    try:
        connection = sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=LOCK_S)
        with contextlib.closing(connection):
            yield connection
    except sqlite3.Error as error:
        if is_locked(error):
            raise MlflowLockedError(uri, _holder(file)) from error
        raise MlflowUnreachableError(uri, f"{file}: {error}") from error


def is_locked(error: BaseException) -> bool:
    """Whether SQLite waited for another process in vain."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _holder(file: Path) -> str:
    """Name a process that holds a lock on the file, as far as Linux tells."""
    try:
        inode = file.stat().st_ino
        lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    except OSError:
        return "another process"
    held = (words[4] for words in lines if len(words) > 5 and words[5].rpartition(":")[2] == str(inode))
    return next((f"process {number}" for number in held if number != "-1"), "another process")
