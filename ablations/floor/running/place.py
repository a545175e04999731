"""Where a study is measured and recorded: options that change no figure but those that are timed."""

import os
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from search.setup.address import PRIVATE
from search.setup.config import ExecutorName
from search.setup.scope import Scope, option
from tracking.stores import Destination, destination_of_new
from tracking.uris import absolute_uri, without_password


class Place(BaseModel):
    """The options that all studies have beside their own."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, str_strip_whitespace=True)

    executor: ExecutorName = option(
        "Place",
        "ray, or local for this process (no Ray; one condition after another)",
        ExecutorName.RAY,
        scope=Scope.PLACE,
    )
    workers: int | None = option(
        "Place",
        "conditions measured at once; default: as many as fit, here at most 8",
        ge=1,
        scope=Scope.PLACE,
    )
    cpus: float = option("Place", "CPUs per condition", 1.0, gt=0, scope=Scope.RESOURCES)
    gpus: float = option(
        "Place", "GPUs per condition; with a fraction several share one", 0.0, ge=0, scope=Scope.RESOURCES
    )
    ray_address: str | None = option(
        "Place", "a running Ray cluster, or local for a private session; default: RAY_ADDRESS", scope=Scope.PLACE
    )
    timeout: float | None = option(
        "Place", "seconds until a condition counts as hung, under Ray; default: no limit", gt=0, scope=Scope.PLACE
    )
    mlflow: bool = option("Record", "mirror the study in MLflow", True, scope=Scope.RECORD)
    tracking_uri: str | None = option(
        "Record",
        "address of the MLflow store; default: MLFLOW_TRACKING_URI, or sqlite mlflow.db in this folder",
        scope=Scope.RECORD,
    )
    experiment: str | None = option(
        "Record", "MLflow experiment; default: MLFLOW_EXPERIMENT_NAME, or espalier", scope=Scope.RECORD
    )

    @model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        if self.executor is ExecutorName.LOCAL:
            elsewhere = (("--workers", self.workers, 1), ("--ray-address", self.ray_address, PRIVATE))
            wrong = [f"{name} {value}" for name, value, only in elsewhere if value not in (None, only)]
            wrong += [] if self.timeout is None else [f"--timeout {self.timeout:g}"]
            if wrong:
                raise ValueError(
                    f"--executor local and {wrong[0]} contradict each other: in this process one condition runs after "
                    "another, and nobody ends one that hangs. Omit one of them"
                )
        if not self.mlflow and self.tracking_uri is not None:
            raise ValueError(
                f"--no-mlflow and --tracking-uri {without_password(self.tracking_uri)} contradict each other: omit one "
                "of them"
            )
        if self.tracking_uri is not None and without_password(self.tracking_uri) != self.tracking_uri:
            raise ValueError(
                f"--tracking-uri {without_password(self.tracking_uri)} holds a password, which a ledger must not: set "
                "MLFLOW_TRACKING_URI instead"
            )
        return self

    @property
    def threads(self) -> int:
        """Threads of one measurement."""
        return max(1, int(self.cpus))

    def destination(self) -> Destination:
        """Return where a new study is mirrored; without MLflow, where `sync` would write it.

        Raises:
            TrackingUriError: The address is not supported, or its folder does not exist.
        """
        variables = os.environ if self.mlflow else {}
        destination = destination_of_new(self.tracking_uri, self.experiment, Path("runs"), variables)
        if not destination.is_default:
            absolute_uri(destination.uri)
        return destination
