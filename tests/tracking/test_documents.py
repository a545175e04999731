"""docs/ledger.md documents what the code writes: every kind, every field, every metric."""

import re
from pathlib import Path
from typing import get_args

from tests.tracking.samples import numbered, on_holdout, whole_run
from tracking.kinds import EventKind, RunStatus, SplitName, Subject, TrialState
from tracking.mirror.operations import Log
from tracking.mirror.translation import Translation
from tracking.payload_classes import PAYLOADS
from tracking.payloads import SCHEMA

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "ledger.md").read_text(encoding="utf-8")


def sections() -> dict[str, list[tuple[str, str, str]]]:
    """Return the rows (field, type, meaning) of the table of each kind."""
    found = {}
    for section in DOCUMENT.partition("\n## What MLflow")[0].split("\n### ")[1:]:
        heading, _, body = section.partition("\n")
        rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|$", body, flags=re.MULTILINE)
        found[heading.strip("`")] = rows
    return found


def test_every_kind_is_documented_in_order() -> None:
    assert list(sections()) == [kind.value for kind in EventKind]


def test_every_field_is_documented_in_order() -> None:
    for kind, rows in sections().items():
        fields = PAYLOADS[EventKind(kind)].model_fields
        assert [name for name, _, _ in rows] == [field.alias or name for name, field in fields.items()], kind


def test_what_may_be_null_is_documented() -> None:
    for kind, rows in sections().items():
        fields = {field.alias or name: field for name, field in PAYLOADS[EventKind(kind)].model_fields.items()}
        for name, kind_of_value, _ in rows:
            may_be_null = type(None) in get_args(fields[name].annotation)
            assert kind_of_value.endswith("or –") is may_be_null, f"{kind}.{name}"


def test_states_are_documented() -> None:
    for states in (TrialState, RunStatus, Subject, SplitName):
        assert all(f"`{state.value}`" in DOCUMENT for state in states)
    assert f"version of this format: {SCHEMA} " in DOCUMENT


def test_every_metric_is_documented() -> None:
    shown = set(re.findall(r"`(\w+)`", DOCUMENT.partition("| run | metrics |")[2].partition("\n\n")[0]))
    translation = Translation()
    logged = {
        point.key
        for event in numbered((*whole_run(), *on_holdout(whole_run())))
        for operation in translation.translate(event)
        if isinstance(operation, Log)
        for point in operation.points
    }
    assert logged == shown
