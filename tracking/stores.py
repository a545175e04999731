"""Which MLflow store and which experiment a command uses.

For a new run and for reading: the option, otherwise MLflow's own variables in the environment, otherwise `mlflow.db`
beside the folder of runs. A run that exists keeps the store and the experiment that it began with, wherever it is
resumed.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracking.errors import TrackingUriError
from tracking.runs import RunDir, default_uri
from tracking.tracker import recorded_uri
from tracking.uris import check_kind, located_uri, sqlite_path, sqlite_uri, without_password, without_secrets

URI_VARIABLE = "MLFLOW_TRACKING_URI"
EXPERIMENT_VARIABLE = "MLFLOW_EXPERIMENT_NAME"
DEFAULT_EXPERIMENT = "espalier"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where runs are mirrored.

    Attributes:
        uri: The absolute address of the store. It may contain a password; show `shown_uri` instead.
        experiment: The name of the experiment.
        is_default: Whether it is the database beside the folder of runs, which nobody named.
    """

    uri: str
    experiment: str
    is_default: bool = False

    @property
    def shown_uri(self) -> str:
        """The address without its password."""
        return without_password(self.uri)

    @property
    def recorded_uri(self) -> str | None:
        """The address without any secret, as a ledger may hold it; None for the default, which moves with the runs."""
        return None if self.is_default else without_secrets(self.uri)


def destination_of_new(
    uri: str | None, experiment: str | None, runs: Path, environment: Mapping[str, str] = os.environ
) -> Destination:
    """Return where a new run is mirrored, or runs are read.

    Args:
        uri: The address that an option names.
        experiment: The experiment that an option names.
        runs: The folder of run folders.
        environment: Holds MLflow's variables.

    Raises:
        TrackingUriError: The address is not supported; the message names the variable if it comes from there.
    """
    name = experiment or environment.get(EXPERIMENT_VARIABLE) or DEFAULT_EXPERIMENT
    if uri is not None:
        return Destination(_with_secrets(located_uri(uri), environment), name)
    exported = _exported(environment)
    return Destination(default_uri(runs), name, is_default=True) if exported is None else Destination(exported, name)


def destination_of_run(
    run: RunDir,
    config: Mapping[str, Any],
    uri: str | None = None,
    experiment: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Destination:
    """Return where a run that exists is mirrored.

    Args:
        run: The folder of the run.
        config: The configuration in its ledger.
        uri: Another address, that an option names.
        experiment: Another experiment, that an option names.
        environment: Holds the password of an address that was recorded without it.

    Raises:
        TrackingUriError: The address is not supported.
    """
    name = experiment or config.get("experiment")
    own = config.get("tracking_uri")
    if uri is not None or (own is None and config.get("mlflow") is False):
        return destination_of_new(uri, name, run.path.parent, environment)
    if own is None:
        return destination_of_new(_default_of(run), name, run.path.parent, environment)
    check_kind(own)
    return destination_of_new(_from_where_it_began(run, own), name, run.path.parent, environment)


def _default_of(run: RunDir) -> str:
    """Return the database beside the runs; if it is not there, the one that the mirror recorded.

    They differ where the folder of runs is a link, or was moved.
    """
    beside, recorded = default_uri(run.path.parent), recorded_uri(run.path)
    return next((uri for uri in (beside, recorded) if uri is not None and _is_there(uri)), beside)


def _from_where_it_began(run: RunDir, uri: str) -> str:
    """Make a relative path absolute, as ledgers of earlier versions hold it, whatever the present folder is."""
    path = sqlite_path(uri)
    if path is None or path.expanduser().is_absolute():
        return uri
    recorded = recorded_uri(run.path)
    known = None if recorded is None else sqlite_path(recorded)
    if known is not None and known.name == path.name:
        return str(recorded)
    return sqlite_uri(run.path.parent.parent / path, uri.partition("?")[2])


def _is_there(uri: str) -> bool:
    path = sqlite_path(uri)
    return path is not None and path.is_file()


def _with_secrets(uri: str, environment: Mapping[str, str]) -> str:
    """Return the address in the environment if it is this one with its password."""
    try:
        exported = _exported(environment)
    except TrackingUriError:
        return uri
    return exported if exported is not None and without_secrets(exported) == uri else uri


def _exported(environment: Mapping[str, str]) -> str | None:
    value = environment.get(URI_VARIABLE, "").strip()
    if not value:
        return None
    try:
        return located_uri(value)
    except TrackingUriError as error:
        raise TrackingUriError(
            error.uri, f"{error.reason} (it is from {URI_VARIABLE} in the environment; --tracking-uri takes precedence)"
        ) from None
