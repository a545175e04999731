"""The verb `mlflow`: a tracking server for several users or machines, set up as one should be."""

from pathlib import Path
from typing import Annotated

import typer

from cli.console import say
from cli.errors import INTERRUPTED
from cli.paths import make_folder
from cli.served import LOOPBACK, Service, Stopped, check_port, folder_uri, serving, wait
from search.errors import ConfigError
from tracking.mirror.mlflow_store import connect
from tracking.uris import without_password


def command(
    backend: Annotated[
        str, typer.Option(help="Database: sqlite:///FILE, or postgresql://USER@HOST/NAME (password: PGPASSWORD).")
    ] = "sqlite:///mlflow-server/mlflow.db",
    artifacts: Annotated[
        str, typer.Option(help="Folder, or bucket such as s3://NAME, of models and files.")
    ] = "mlflow-server/artifacts",
    host: Annotated[str, typer.Option(help="Address to listen on; another than loopback needs --allowed-hosts.")] = (
        LOOPBACK
    ),
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen on.")] = 5000,
    allowed_hosts: Annotated[
        str | None, typer.Option(help="Names under which clients may reach it, comma-separated, as head:5000.")
    ] = None,
) -> None:
    """Run MLflow's server with its own database and files, until Ctrl-C; searches reach it by --tracking-uri.

    It asks for no password: whoever reaches it can read and change everything. Listen on loopback, and let others
    come by SSH forwarding.
    """
    hosts = tuple(name.strip() for name in (allowed_hosts or "").split(",") if name.strip())
    if host not in _OWN and not hosts:
        raise ConfigError(
            f"--host {host} lets other machines reach a server that asks for no password: name those by which clients "
            f"may call it with --allowed-hosts, as in --allowed-hosts head:{port}, or leave --host out and forward "
            f"the port by SSH."
        )
    if backend.startswith("http"):
        raise ConfigError(
            f"--backend {without_password(backend)} is a server already: name a database, sqlite:///FILE or "
            "postgresql://USER@HOST/NAME."
        )
    check_port(host, port)
    store = _database(backend)
    service = Service(store, port, host, _files(artifacts), _with_loopback(hosts, port))
    try:
        with serving(service) as process:
            say(f"MLflow   {service.address}  ({without_password(store)}; Ctrl-C ends it)")
            say(f"use it:  python launch.py search --tracking-uri {service.address}")
            wait(process)
    except Stopped:
        raise typer.Exit(INTERRUPTED) from None


_OWN = (LOOPBACK, "localhost")


def _with_loopback(hosts: tuple[str, ...], port: int) -> tuple[str, ...]:
    """The names with loopback's, which MLflow allows only where none are named."""
    return (*hosts, f"{LOOPBACK}:{port}", f"localhost:{port}") if hosts else ()


def _database(backend: str) -> str:
    """Make or check the database; what is in the way is told before a server starts."""
    if backend.startswith("sqlite:///"):
        make_folder(Path(backend.removeprefix("sqlite:///").partition("?")[0]).parent, "--backend")
    return connect(backend, create=True).uri


def _files(artifacts: str) -> str:
    if "://" in artifacts:
        return artifacts
    folder = Path(artifacts)
    make_folder(folder, "--artifacts")
    return folder_uri(folder)
