"""What a session says it ran with, and that it survives in ledger and summary."""

import platform
from importlib.metadata import version

import pytest
import torch

from ablations.comparison import Comparison
from ablations.study_files import report_of
from ground import version as versions
from search.outcome.summary import summarise
from search.setup.provenance import provenance_here
from tests.ablations.samples import run
from tests.tracking.samples import numbered, run_started, whole_run
from tracking.made_with import lines_of_text, provenance_lines
from tracking.mirror.operations import MADE_WITH, Begin
from tracking.mirror.translation import Translation
from tracking.payloads import Payload, Resumed
from tracking.provenance import Provenance


def test_it_names_what_figures_depend_on() -> None:
    here = provenance_here()
    assert here.packages["torch"] == version("torch")
    assert here.python == platform.python_version()
    assert (here.threads, here.espalier) == (torch.get_num_threads(), versions.VERSION)
    assert here.cores >= 1
    assert here.memory_gib > 0
    assert here.processor
    assert platform.node() not in here.model_dump_json(), "it names no machine"
    assert Provenance.model_validate_json(here.model_dump_json()) == here


def test_a_commit_is_that_of_the_clone_and_says_if_files_were_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"rev-parse": "0123456789abcdef", "status": ""}
    monkeypatch.setattr(versions, "_git", lambda verb, *_: said[verb])
    for changes, expected in (("", "0123456789abcdef"), (" M a.py", "0123456789abcdef+changed")):
        said["status"] = changes
        versions.commit.cache_clear()
        assert versions.commit() == expected
    versions.commit.cache_clear()


def test_each_kind_of_session_is_in_the_summary_once() -> None:
    here = provenance_here()
    elsewhere = here.model_copy(update={"processor": "another"})
    started = run_started().model_copy(update={"provenance": here})
    resumed = [Resumed(from_seq=1, provenance=one) for one in (here, elsewhere, None)]
    assert summarise(numbered([started, *resumed])).provenance == (here, elsewhere)
    assert summarise(numbered(whole_run())).provenance == (), "an older ledger tells none"


def test_mlflow_and_a_comparison_tell_what_runs_were_made_with() -> None:
    here = provenance_here()
    elsewhere = here.model_copy(update={"processor": "another"})
    started = run_started().model_copy(update={"provenance": here})
    assert MADE_WITH not in _tags([run_started()])
    told = lines_of_text(_tags([started, Resumed(from_seq=1, provenance=elsewhere)])[MADE_WITH])
    assert told == tuple(tuple(provenance_lines(one)) for one in (here, elsewhere))
    first, second = run("a", 0, made_with=told[1:], started_ms=2), run("b", 1, made_with=told, started_ms=1)
    assert report_of(Comparison(), [first, second]).made_with == told, "each once, from the first run on"


def _tags(payloads: list[Payload]) -> dict[str, str]:
    translation, found = Translation(), dict[str, str]()
    for event in numbered(payloads):
        for operation in translation.translate(event):
            found |= operation.tags if isinstance(operation, Begin) else {}
    return found
