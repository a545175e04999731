"""docs/summary-schema.md documents every field of summary.json, and no other."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from search.outcome.explanation import Explanation, Final, Rival, StageShare
from search.outcome.summary import SCHEMA, Baseline, LlmSummary, MlflowIds, Summary, TrialCounts, WinnerSummary

DOCUMENT = (Path(__file__).resolve().parents[1] / "docs" / "summary-schema.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("", Summary),
        ("baseline", Baseline),
        ("winner", WinnerSummary),
        ("trials", TrialCounts),
        ("mlflow", MlflowIds),
        ("llm_use", LlmSummary),
        ("explanation", Explanation),
        ("finalists", Final),
        ("stages", StageShare),
        ("rival", Rival),
    ],
)
def test_every_field_is_documented(heading: str, model: type[BaseModel]) -> None:
    start = DOCUMENT.index(f"\n## `{heading}`\n") if heading else 0
    end = DOCUMENT.find("\n## ", start + 1)
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", DOCUMENT[start : end if end > 0 else None], flags=re.MULTILINE)
    fields = {field.alias or name: "None" in str(field.annotation) for name, field in model.model_fields.items()}
    assert {name: kind.endswith("or null") for name, kind in rows} == fields


def test_the_version_is_the_code_s() -> None:
    assert f"# `summary.json`, schema {SCHEMA}\n" in DOCUMENT
