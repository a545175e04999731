"""What a run is trained and scored on, as MLflow's datasets: one for each part of the data, named by its use."""

import json
from collections.abc import Mapping
from typing import Any

from tracking.mirror.operations import FINETUNE, RUN, Dataset
from tracking.payloads import DataRecord, RunStarted, SplitRecord

TRAINING, VALIDATION, TEST = "training", "validation", "test"
LONGEST_DIGEST = 36
"""Characters of a dataset's digest that MLflow takes."""


def run_inputs(started: RunStarted, data: DataRecord) -> tuple[Dataset, ...]:
    """The three parts of the data, for the run itself."""
    parts = {TRAINING: data.train, VALIDATION: data.holdout, TEST: data.test}
    return tuple(_input(RUN, context, split, started, data) for context, split in parts.items())


def finetune_inputs(started: RunStarted, data: DataRecord) -> tuple[Dataset, ...]:
    """The two parts that a fine-tune reads; the test set is not among them."""
    parts = {TRAINING: data.train, VALIDATION: data.holdout}
    return tuple(_input(FINETUNE, context, split, started, data) for context, split in parts.items())


def digest_of(split: SplitRecord) -> str:
    """Our fingerprint, as far as MLflow takes it."""
    return split.fingerprint[:LONGEST_DIGEST]


def _input(part: str, context: str, split: SplitRecord, started: RunStarted, data: DataRecord) -> Dataset:
    kind, source = _source(started)
    profile = {"num_rows": split.images, "num_classes": data.classes, "preprocessing": data.preprocessing}
    return Dataset(started.dataset, digest_of(split), kind, source, profile, _schema(data), part=part, context=context)


def _source(started: RunStarted) -> tuple[str, Mapping[str, Any]]:
    """A folder of the user's, or the code that makes a built-in one."""
    path = started.config.get("data_path")
    if path is not None:
        return "local", {"uri": str(path)}
    return "code", {"tags": {"mlflow.source.name": f"espalier: {started.dataset}", "mlflow.source.type": "LOCAL"}}


def _schema(data: DataRecord) -> Mapping[str, Any]:
    def tensors(shape: list[int], kind: str) -> str:
        return json.dumps([{"type": "tensor", "tensor-spec": {"dtype": kind, "shape": shape}}])

    features, targets = tensors([-1, *data.input_size], "float32"), tensors([-1], "int64")
    return {"mlflow_tensorspec": {"features": features, "targets": targets}}
