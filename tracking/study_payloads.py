"""The fields of the events of a study: its conditions, and what was measured of each.

The ledger of a study begins with `study_started` and has the kinds `interrupted` and `resumed` of a run besides.
"""

from typing import Annotated

from pydantic import Field, model_validator

from tracking.fields import Count, JsonObject, Moment, Seconds, Text
from tracking.kinds import EventKind, RunStatus
from tracking.payloads import SCHEMA, Payload
from tracking.provenance import Provenance


class StudyStarted(Payload):
    """The first event of a study's ledger.

    Attributes:
        run_id: A name that no other study has; MLflow knows the study by it.
        study: The name of the study, as on the command line.
        question: What it asks, in one line.
        options: All options as JSON, without any key or password.
        mlflow: Whether it is mirrored in MLflow.
        tracking_uri: The address of the store, without a password.
        experiment: The name of the experiment.
        provenance: Software and hardware of the session; None in older ledgers.
    """

    kind = EventKind.STUDY_STARTED
    schema_version: int = Field(default=SCHEMA, alias="schema", ge=1, le=SCHEMA)
    run_id: Text
    study: Text
    question: Text
    started_at: Moment
    options: JsonObject
    mlflow: bool
    tracking_uri: Text | None
    experiment: Text | None
    provenance: Provenance | None = None


class StudyExtended(Payload):
    """The study goes on with more conditions; these are its options from here on."""

    kind = EventKind.STUDY_EXTENDED
    options: JsonObject


def series_key(condition: str) -> str:
    """Return the key of the prepared entry with the figures of each item of a condition: by name, in their order."""
    return f"series/{condition}"


class Prepared(Payload):
    """A step that the study needs before it measures, such as a call of an LLM, has been done; it is not done again.

    Two kinds of keys are shown in MLflow's database: `dataset/NAME`, with `source`, `sha256` and `rows`, and that of
    `series_key`. All entries together are an artifact.

    Attributes:
        key: Of the step; no other has it.
        facts: What came of it.
    """

    kind = EventKind.PREPARED
    key: Text
    facts: JsonObject


class ConditionBegun(Payload):
    """The measurement of a condition begins; one that has no end after it was cut off, and begins again.

    Attributes:
        condition: Its key, which states factors and seed.
        number: Counts the conditions in the order in which they first began, from 0.
    """

    kind = EventKind.CONDITION_BEGUN
    condition: Text
    number: Count
    factors: JsonObject
    seed: Annotated[int, Field(strict=True)]


class ConditionMeasured(Payload):
    """What was measured of a condition.

    Attributes:
        figures: By name; all are finite.
        wall_s: Seconds that the measurement took.
        worker: Which process measured.
    """

    kind = EventKind.CONDITION_MEASURED
    condition: Text
    figures: dict[Text, Annotated[float, Field(allow_inf_nan=False)]]
    wall_s: Seconds
    worker: Text


class ConditionFailed(Payload):
    """A condition that could not be measured, and why; it has no figures."""

    kind = EventKind.CONDITION_FAILED
    condition: Text
    error: Annotated[Text, Field(min_length=1)]
    wall_s: Seconds
    worker: Text | None


class StudyEnded(Payload):
    """The end of a study, unless it is resumed or extended.

    Attributes:
        measured: Number of conditions that were measured.
        failed: Number of conditions that failed.
    """

    kind = EventKind.STUDY_ENDED
    status: RunStatus
    measured: Count
    failed: Count
    error: Text | None

    @model_validator(mode="after")
    def _status_fits(self) -> "StudyEnded":
        if self.status is RunStatus.FAILED and not self.error:
            raise ValueError("a failed study must have an error")
        return self
