"""Where Ray runs: the cluster that an option or RAY_ADDRESS names, or a private session."""

import contextlib
import os
import re
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path

import psutil

from search.errors import ConfigError, ResourceError

VARIABLE = "RAY_ADDRESS"
PRIVATE = "local"
"""Ray's own word for a session that is started for this process."""
FOUND = "auto"
PREFIX = "espalier-"
PRIVATE_FOLDER = re.compile(rf"/{PREFIX}[a-z0-9_]{{8}}/")
"""Where the files of a private session lie."""
ANSWERS_S = 5.0


def ray_address(given: str | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the address that counts: the option, else RAY_ADDRESS, as in Ray itself; None without either.

    Args:
        given: the option.
        environment: with RAY_ADDRESS.

    Raises:
        ConfigError: it has a form that the search cannot use.
    """
    source, address = "--ray-address", given
    if given is None:
        source, address = VARIABLE, environment.get(VARIABLE, "").strip() or None
    if address is not None and address not in (PRIVATE, FOUND):
        _check_form(source, address)
    return address


def check_answers(address: str | None) -> None:
    """Check that a cluster is there, before anything is spent on a run that needs it.

    Raises:
        ResourceError: nothing answers.
    """
    if address in (None, PRIVATE):
        return
    place = located(str(address))
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWERS_S).close()
    except (OSError, ValueError) as error:
        raise ResourceError(
            f"No cluster answers at {place} ({getattr(error, 'strerror', None) or error}): start it, correct "
            f"--ray-address or {VARIABLE}, or give --ray-address {PRIVATE} for a private session."
        ) from None


def located(address: str) -> str:
    """Return the HOST:PORT that an address of a cluster means.

    Ray's own `auto` takes whichever node manager it sees first on the machine, also that of somebody's private session,
    which then lets it wait for a minute. Here it is the cluster that `ray start` wrote down, or one that runs here and
    is no private session of a search.

    Args:
        address: HOST:PORT, or `auto`.

    Raises:
        ResourceError: `auto`, and no cluster runs here.
    """
    if address != FOUND:
        return address
    found = _written_down() or _running()
    if found is None:
        raise ResourceError(
            "--ray-address auto finds no cluster: no Ray runs on this machine beside the private sessions of "
            "searches. Start one with `ray start --head`, or leave the option and RAY_ADDRESS out for a private "
            "session."
        )
    return found


def _check_form(source: str, address: str) -> None:
    if address.startswith(("http://", "https://")):
        raise ConfigError(
            f"{source} {address!r} is the address of Ray's dashboard, which takes jobs (`ray job submit`). A search "
            f"connects to the cluster itself: give --ray-address HOST:6379, auto on one of its nodes, or {PRIVATE} for "
            "a private session."
        )
    if address.startswith("ray://"):
        raise ConfigError(
            f"{source} {address!r} is an address of Ray Client, and a search must run on a node of the cluster: start "
            f"it there (`ray submit`, docs/cluster.md) with --ray-address auto, or give --ray-address {PRIVATE} for a "
            "private session."
        )
    host, _, port = address.rpartition(":")
    if (
        not re.fullmatch(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]", host)
        or not port.isdecimal()
        or not 0 < int(port) < 2**16
    ):
        raise ConfigError(
            f"{source} {address!r} is no address of a cluster: give HOST:PORT, such as 10.0.0.1:6379, auto on one of "
            f"its nodes, or {PRIVATE} for a private session."
        )


def _written_down() -> str | None:
    """The address in the file that `ray start` writes."""
    folders = (os.environ.get("RAY_TMPDIR") or tempfile.gettempdir(), "/tmp")  # noqa: S108  where Ray itself looks
    for folder in folders:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if address := (Path(folder) / "ray" / "ray_current_cluster").read_text(encoding="utf-8").strip():
                return address
    return None


def _running() -> str | None:
    """The address that a node manager of this machine was started with, unless it is one of a private session."""
    for process in psutil.process_iter(["name", "cmdline"]):
        words = process.info["cmdline"] or []
        if process.info["name"] == "raylet" and not any(PRIVATE_FOLDER.search(word) for word in words):
            given = (word.partition("=")[2] for word in words if word.startswith(_GCS))
            if address := next((each for each in given if each not in ("", "None")), None):
                return str(address)
    return None


_GCS = "--gcs-address="
