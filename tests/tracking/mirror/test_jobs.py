"""A fine-tune and an evaluation without a search: their figures beside their data, and one model of both."""

from pathlib import Path
from typing import Any

import pytest

from cli.recording import Recording
from pruning.checkpoint import load_pruned
from search.errors import ConfigError
from tests.trainers.pruned import pruned_checkpoint
from tracking.mirror.mlflow_store import Store
from trainers.defaults import finetune_recipe
from trainers.evaluate import Evaluation
from trainers.history import EpochReport

HISTORY = (
    EpochReport(1, 0.5, 0.8, 0.6, 0.1, 2.0, images_per_s=500.0),
    EpochReport(2, 0.3, 0.9, 0.4, 0.0, 2.0, images_per_s=600.0),
)
DATA: dict[str, Any] = {"dataset": "digits", "data_path": None, "seed": 42}


def runs(store: Store, experiment: str) -> dict[str, Any]:
    client = store.client
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    assert len({run.data.tags["espalier.job"] for run in found}) == len(found)
    return {run.data.tags["espalier.job"]: client.get_run(run.info.run_id) for run in found}


def test_both_are_linked_to_data_and_model_and_are_written_once(store: Store, experiment: str, tmp_path: Path) -> None:
    model = pruned_checkpoint(tmp_path / "model")
    recipe = finetune_recipe("digits", batch_norm=True, images=None)
    asked = Recording(store.uri, experiment, f"tuned-{experiment}")
    score = Evaluation(accuracy=0.5, loss=1.5, correct=225, total=450)
    for _ in range(2):
        asked.finetuned(model, HISTORY, recipe, DATA, 4.0)
        asked.evaluated(model, load_pruned(model), DATA, score, 1.5)
    found, client = runs(store, experiment), store.client
    tuned, scored = found["finetune"], found["evaluate"]
    curve = {m.step: m.value for m in client.get_metric_history(tuned.info.run_id, "holdout_accuracy") if m.step}
    assert curve == {1: 0.8, 2: 0.9}
    assert [m.value for m in client.get_metric_history(tuned.info.run_id, "images_per_s")] == [500, 600]
    assert tuned.data.params["recipe.epochs"] == str(recipe.epochs)
    contexts = [[tag.value for item in run.inputs.dataset_inputs for tag in item.tags] for run in (tuned, scored)]
    assert [sorted(names) for names in contexts] == [["training", "validation"], ["test"]]
    (made,) = tuned.outputs.model_outputs
    assert [read.model_id for read in scored.inputs.model_inputs] == [made.model_id]
    (version,) = client.search_model_versions(f"name = 'tuned-{experiment}'")
    assert version.tags["espalier.model_id"] == made.model_id
    figures = {metric.key: metric for metric in client.get_logged_model(made.model_id).metrics}
    test = next(item.dataset.digest for item in scored.inputs.dataset_inputs)
    assert (figures["accuracy"].value, figures["accuracy"].dataset_digest) == (0.5, test)
    assert figures["holdout_accuracy"].value == 0.9


def test_nothing_is_written_unless_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Recording().check()
    Recording().evaluated(tmp_path, None, DATA, None, 1.0)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (Recording(experiment="e"), "--experiment e says where to record"),
        (Recording(register="a/b"), "--register 'a/b' is no name of a model"),
        (Recording("sqlite:///nowhere/at/all.db"), "nowhere"),
    ],
)
def test_what_could_not_be_recorded_is_refused_first(asked: Recording, why: str) -> None:
    with pytest.raises((ConfigError, ValueError), match=why):
        asked.check()
