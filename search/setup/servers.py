"""Which machines a run may speak to: those that the user named, never one that only its ledger names.

A key goes to the server of a language model, a login to MLflow's, and a Ray cluster runs code in this process's name.
Servers on this machine, and the vendors' own, need no word.
"""

import ipaddress
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from llm_clients.registry import given_server
from search.errors import UntrustedServerError
from search.setup.address import FOUND, PRIVATE
from search.setup.config import RunConfig
from search.setup.memory import Named, is_remembered, remember
from tracking.runs import RunDir
from tracking.stores import URI_VARIABLE
from tracking.uris import sqlite_path, without_secrets

TRUST_OPTION = "--trust-server"
"""The option by which a user names a server that a ledger needs."""


def remember_servers(run: Path, config: RunConfig) -> None:
    """Remember that the user named the servers of this configuration for the run.

    Args:
        run: The run folder.
        config: As the user gave it, or as `check_servers` let it pass.
    """
    for address in servers(config):
        remember(run, Named.SERVER, address)


def check_servers(folder: RunDir, config: RunConfig, trusted: Collection[str] = ()) -> None:
    """Refuse a server that a run's ledger names, unless the user named the same one, now or for this run before.

    Args:
        folder: The run.
        config: The configuration in its ledger.
        trusted: The servers that the user names now.

    Raises:
        UntrustedServerError: The user did not name the server.
    """
    for address in servers(config):
        _check(folder, address, trusted, TRUST_OPTION)


def remember_store(run: Path, address: str | None) -> None:
    """Remember that the user named this MLflow store for the run, or the study.

    Args:
        run: The folder.
        address: The store, as its ledger has it; None for the default.
    """
    for elsewhere in _store(address):
        remember(run, Named.SERVER, elsewhere)


def check_store(
    folder: RunDir, address: str | None, trusted: Collection[str] = (), *, option: str = TRUST_OPTION
) -> None:
    """Refuse the MLflow store that the ledger of a run or a study names, as `check_servers` does.

    Args:
        folder: The run, or the study.
        address: The store in its ledger; None for the default.
        trusted: The servers that the user names now.
        option: The option by which the user can name the store.

    Raises:
        UntrustedServerError: The user did not name the server.
    """
    for elsewhere in _store(address):
        _check(folder, elsewhere, trusted, option)


def _check(folder: RunDir, address: str, trusted: Collection[str], option: str) -> None:
    exported = os.environ.get(URI_VARIABLE, "").strip()
    named = address in trusted or (exported and without_secrets(exported) == address)
    if not named and not is_remembered(folder.path, Named.SERVER, address):
        raise UntrustedServerError(address, str(folder.ledger), option)


def servers(config: RunConfig) -> Iterator[str]:
    """Yield the addresses of other machines that a configuration names."""
    if config.llm is not None and (server := given_server(config.llm, config.llm_base_url)) is not None:
        yield from _elsewhere(server)
    if config.cluster not in (None, FOUND, PRIVATE):
        yield from _elsewhere(str(config.cluster))
    if config.mlflow:
        yield from _store(config.tracking_uri)


def _store(address: str | None) -> Iterator[str]:
    if address is not None and sqlite_path(address) is None:
        yield from _elsewhere(address)


def _elsewhere(address: str) -> Iterator[str]:
    """Yield the address unless it is on this machine."""
    host = urlsplit(address if "://" in address else f"//{address}").hostname or ""
    try:
        here = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host).is_loopback
    except ValueError:
        here = False  # a name that needs a lookup is not taken for this machine
    if not here:
        yield address
