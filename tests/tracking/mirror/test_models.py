"""The checkpoints of a run as models of MLflow 3: found, linked, scored, registered, opened without this project."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from pruning.checkpoint import load_pruned
from search.outcome.mirrored import making
from tests.tracking.samples import written_run
from tests.trainers.pruned import pruned_checkpoint
from tracking.making import Making
from tracking.mirror.mlflow_models import ModelWriter
from tracking.mirror.mlflow_store import Store
from tracking.mirror.mlflow_writer import MlflowWriter
from tracking.mirror.sync import sync
from tracking.reader import read_ledger
from tracking.runs import RunDir

TRUSTED = ("resnet18_quarter",)
DATASET_DIGESTS = {"training": "1" * 36, "validation": "2" * 36, "test": "3" * 36}


@dataclass(frozen=True)
class Program:
    """A program that was never written, for what is not about its content."""

    input_size: tuple[int, int, int] = (1, 8, 8)
    classes: int = 10
    batch: int | None = None
    torch: str = "2.0"


def unwritten(checkpoint: Path, path: Path) -> Program:
    path.write_bytes(b"program")
    return Program()


QUICK = Making(unwritten, lambda events: f"{len(events)} events")


def run_with(folder: Path, run_id: str, *, register: str | None = None, checkpoints: bool = False) -> RunDir:
    """A finished run whose checkpoints are there."""
    run = written_run(folder, run_id=run_id, register=register)
    for name in ("pruned", "model"):
        if checkpoints:
            pruned_checkpoint(run.path / name)
        else:
            (run.path / name).mkdir()
            (run.path / name / "model.safetensors").write_bytes(f"weights of {name}".encode())
    return run


def models(store: Store, experiment_id: str | None) -> dict[str, Any]:
    found = store.client.search_logged_models([experiment_id])
    assert len({model.tags["espalier.model"] for model in found}) == len(found)
    return {model.tags["espalier.model"]: model for model in found}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, store: Store) -> tuple[RunDir, str]:
    """A run with real checkpoints, in MLflow, and MLflow's id of it."""
    run = run_with(tmp_path_factory.mktemp("models"), "with-models", register="whole", checkpoints=True)
    state = sync(run, store.uri, "models", making=making(TRUSTED))
    assert (state.in_sync, state.reason) == (True, None)
    assert state.run_id is not None
    return run, state.run_id


USER = """
import mlflow, torch
mlflow.set_tracking_uri({uri!r})
runs = mlflow.search_runs(experiment_names=["models"], order_by=["metrics.accuracy DESC"], output_format="list")
run = runs[0]
digests = {{tag.value: item.dataset.digest for item in run.inputs.dataset_inputs for tag in item.tags}}
found = [mlflow.get_logged_model(output.model_id) for output in run.outputs.model_outputs]
(winner,) = [model for model in found if model.tags["espalier.model"] == "winner"]
scores = {{metric.key: (metric.value, metric.dataset_digest) for metric in winner.metrics}}
images = torch.load({images!r})
opened = mlflow.pytorch.load_model(winner.model_uri)(images)
served = mlflow.pyfunc.load_model("models:/whole/1").predict(images.numpy())
"""
"""What somebody writes who knows MLflow and nothing of this project."""
ALONE = """
import sys
class Refuse:
    def find_spec(self, name, *_):
        if name.split(".")[0] in {names!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Refuse())
"""
TELL = """
import json
torch.save((opened.detach(), torch.from_numpy(served)), {answers!r})
example = mlflow.models.Model.load(winner.model_uri).load_input_example(winner.artifact_location)
json.dump([run.info.run_id, digests, scores, example.shape, opened.shape], open({told!r}, "w"))
"""


@pytest.mark.slow
def test_ten_lines_find_the_run_its_data_and_its_model_and_predict(
    whole: tuple[RunDir, str], store: Store, tmp_path: Path
) -> None:
    """In a process that has torch, NumPy and MLflow; neither this project nor the model's own library."""
    run, run_id = whole
    images = torch.randn(5, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    torch.save(images, tmp_path / "images.pt")
    rooms = ["pruning", "search", "tracking", "trainers", "cli", "ground", "llm_clients", "espalier"]
    names = [*rooms, "timm", "torchvision", "ray", "safetensors"]
    files = {
        "images": str(tmp_path / "images.pt"),
        "answers": str(tmp_path / "answers.pt"),
        "told": str(tmp_path / "told"),
    }
    code = (ALONE + USER + TELL).format(uri=store.uri, names=names, **files)
    quiet = {
        name: value for name, value in os.environ.items() if not name.startswith("MLFLOW") and name != "PYTHONPATH"
    }
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=quiet | {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "OMP_NUM_THREADS": "1"},
        check=True,
    )
    found, digests, scores, example, shape = json.loads((tmp_path / "told").read_text())
    assert (found, digests, example, shape) == (run_id, DATASET_DIGESTS, [1, 1, 32, 32], [5, 10])
    assert (scores["accuracy"], scores["holdout_accuracy"]) == ([0.95, "3" * 36], [0.96, "2" * 36])
    assert (scores["macs"], scores["latency_median_ms"]) == ([998, None], [1.5, None])
    expected = load_pruned(run.path / "model", trusted=TRUSTED).module(images)
    opened, served = torch.load(tmp_path / "answers.pt")
    assert torch.equal(opened, served)
    assert torch.allclose(opened, expected, atol=1e-5)


def test_both_checkpoints_are_models_of_the_run(whole: tuple[RunDir, str], store: Store) -> None:
    _, run_id = whole
    found = models(store, store.client.get_run(run_id).info.experiment_id)
    assert list(found) == ["winner", "pruned"]
    assert {str(model.status) for model in found.values()} == {"READY"}
    assert {model.source_run_id for model in found.values()} == {run_id}
    assert found["winner"].params["trial"] == "0"
    assert found["winner"].name == "tiny rules winner"
    assert {metric.key for metric in found["pruned"].metrics} == {"macs", "params"}
    described = store.client.get_run(run_id).data.tags["mlflow.note.content"]
    assert described.startswith("**95.00 % of the test set at 998 MACs (9.98 % of the base's 10 kMACs, which scores")


def test_a_model_that_cannot_be_made_is_a_gap_that_the_next_sync_fills(
    store: Store, experiment: str, tmp_path: Path
) -> None:
    run = run_with(tmp_path, experiment)

    def refuse(checkpoint: Path, path: Path) -> Program:
        if checkpoint.name == "model":
            raise ValueError("it cannot be traced")
        return unwritten(checkpoint, path)

    state = sync(run, store.uri, experiment, making=Making(refuse, lambda _: ""))
    assert (state.in_sync, list(state.missing)) == (False, ["models"])
    assert "model winner: ValueError: it cannot be traced" in (state.reason or "")
    assert sync(run, store.uri, experiment, making=QUICK).in_sync
    assert {str(model.status) for model in models(store, state.experiment_id).values()} == {"READY"}


@pytest.mark.parametrize(
    ("stage", "late"),
    [("_upload", False), ("_link", False), ("_score", False), ("_register", False), ("_register", True)],
)
def test_a_sync_that_dies_anywhere_and_is_repeated_leaves_one_model_and_one_version(
    store: Store, experiment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, late: bool
) -> None:
    run = run_with(tmp_path, experiment, register=f"model-{experiment}")
    real = getattr(ModelWriter, stage)

    def die(*arguments: Any) -> None:
        if late:
            real(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ModelWriter, stage, die)
        with pytest.raises(KeyboardInterrupt):
            sync(run, store.uri, experiment, making=QUICK)
    state = sync(run, store.uri, experiment, making=QUICK)
    before = _shown(store, state.experiment_id, f"model-{experiment}")
    assert sync(run, store.uri, experiment, making=QUICK) == state
    assert _shown(store, state.experiment_id, f"model-{experiment}") == before
    assert [len(names) for names in before[:2]] == [2, 1]
    outputs = store.client.get_run(state.run_id).outputs.model_outputs
    assert sorted(output.model_id for output in outputs) == sorted(before[0])


def _shown(store: Store, experiment_id: str | None, name: str) -> tuple[Any, ...]:
    found = models(store, experiment_id).values()
    scores = {model.model_id: sorted((m.key, m.value) for m in model.metrics) for model in found}
    versions = store.client.search_model_versions(f"name = '{name}'")
    return scores, [version.source for version in versions]


def test_what_is_measured_later_is_added_to_the_model(store: Store, experiment: str, tmp_path: Path) -> None:
    """The run was cut off after the export, was synced, and went on."""
    run = run_with(tmp_path, experiment)
    events = read_ledger(run.ledger)
    early = MlflowWriter(store, experiment, experiment, QUICK)
    early.apply(events[:-3])
    early.upload(run.path)
    before = models(store, early.experiment_id)
    sync(run, store.uri, experiment, making=QUICK)
    after = models(store, early.experiment_id)
    assert "winner" not in before
    assert before["pruned"].model_id == after["pruned"].model_id
    assert "accuracy" in {metric.key for metric in after["winner"].metrics}


def test_another_winner_is_another_model(store: Store, experiment: str, tmp_path: Path) -> None:
    run = run_with(tmp_path, experiment, register=f"model-{experiment}")
    state = sync(run, store.uri, experiment, making=QUICK)
    (run.path / "model" / "model.safetensors").write_bytes(b"weights of another")
    sync(run, store.uri, experiment, making=QUICK)
    found = store.client.search_logged_models([state.experiment_id])
    assert sorted(model.tags["espalier.model"] for model in found) == ["pruned", "winner", "winner"]
    assert len(store.client.search_model_versions(f"name = 'model-{experiment}'")) == 2


def test_a_checkpoint_that_is_gone_is_no_model_and_no_fault(store: Store, experiment: str, tmp_path: Path) -> None:
    run = written_run(tmp_path, run_id=experiment)
    state = sync(run, store.uri, experiment, making=QUICK)
    assert state.in_sync
    assert models(store, state.experiment_id) == {}
