"""clusters/sky.yaml: SkyPilot's schema, a bucket that can be appended to, and a job that goes on after a loss."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.clusters.files import ROOT, SKY, read

SHARED = "/shared"


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    found = json.loads((Path(__file__).parent / "skypilot.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def test_it_satisfies_the_schemas(schemas: dict[str, Any]) -> None:
    job = read(SKY)
    jsonschema.validate(job, schemas["task"])
    jsonschema.validate(job["resources"], schemas["resources"])
    jsonschema.validate(job["file_mounts"][SHARED], schemas["storage"])


@pytest.mark.parametrize(("part", "field"), [("task", "setups"), ("resources", "spot"), ("storage", "modus")])
def test_a_misspelt_field_is_refused(schemas: dict[str, Any], part: str, field: str) -> None:
    with pytest.raises(jsonschema.ValidationError, match=field):
        jsonschema.validate({field: "x"}, schemas[part])


def test_runs_lie_in_a_bucket_that_can_be_appended_to() -> None:
    job = read(SKY)
    assert job["file_mounts"][SHARED]["mode"] == "MOUNT_CACHED", "a plain mount refuses what a ledger does"
    assert job.get("num_nodes", 1) == 1, "a bucket is no file system for several writers"
    assert f"--runs {SHARED}/runs" in job["run"]


def test_a_job_that_was_taken_goes_on() -> None:
    job = read(SKY)
    assert job["resources"]["use_spot"] is True
    first, second = job["run"].index("launch.py resume latest"), job["run"].index("launch.py search")
    assert first < second
    assert "ledger.jsonl" in job["run"][:first]


def test_its_set_up_is_that_of_every_node() -> None:
    script = read(SKY)["setup"].split()[1]
    assert (ROOT / script).is_file()
    assert "~/.espalier-profile" in read(SKY)["run"]
