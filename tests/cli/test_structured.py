"""The real command on a classifier that returns more than its logits, without Ray."""

from pathlib import Path

import pytest

from pruning.checkpoint import load_pruned
from tests.cli.alone import run_alone
from tracking.events import payloads_of
from tracking.payloads import RunStarted

MODEL = "tests.trainers.structured:twins"


@pytest.mark.slow
def test_a_search_by_the_output_that_was_named(tmp_path: Path) -> None:
    line = ("--trials", "2", "--epochs", "6", "--workers", "1", "--target-macs", "50%", "--no-mlflow")
    done = run_alone(tmp_path, "search", "--model", MODEL, "--output", "fine", *line)
    assert done.code == 0
    assert load_pruned(done.run.model, trusted=(MODEL,)).spec.output == "fine"
    assert payloads_of(done.events, RunStarted)[0].config["output"] == "fine"
    for model in (done.summary.baseline, done.summary.winner):
        assert model is not None
        assert model.accuracy is not None
        assert model.accuracy > 0.5, "the head that was named is the one that was trained and read"
