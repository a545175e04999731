"""What a run is trained and scored on, as MLflow's datasets: one for each part of the data, named by its use."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tracking.mirror.operations import FINETUNE, RUN, Dataset
from tracking.payloads import DataRecord, RunStarted, SplitRecord

TRAINING, VALIDATION, TEST = "training", "validation", "test"
LONGEST_DIGEST = 36
"""Characters of a dataset's digest that MLflow takes."""


def run_inputs(started: RunStarted, data: DataRecord) -> tuple[Dataset, ...]:
    """The three parts of the data, for the run itself."""
    return inputs(RUN, (TRAINING, VALIDATION, TEST), started.dataset, started.config.get("data_path"), data)


def finetune_inputs(started: RunStarted, data: DataRecord, *, all_trained: bool = False) -> tuple[Dataset, ...]:
    """The two parts that a fine-tune reads; the test set is not among them.

    Args:
        started: The beginning of the run.
        data: What is known of its data.
        all_trained: Whether the holdout is trained on, too, and so validates nothing.
    """
    found = inputs(FINETUNE, (TRAINING, VALIDATION), started.dataset, started.config.get("data_path"), data)
    return as_training(found) if all_trained else found


def as_training(parts: Sequence[Dataset]) -> tuple[Dataset, ...]:
    """The same parts, all of them trained on."""
    return tuple(replace(part, context=TRAINING) for part in parts)


def inputs(part: str, contexts: Sequence[str], name: str, path: object, data: DataRecord) -> tuple[Dataset, ...]:
    """Parts of a dataset as inputs.

    Args:
        part: The part of a run that reads them.
        contexts: What they are used for; decides which they are.
        name: The name of the dataset.
        path: The user's folder of it; None for a built-in one.
        data: What is known of it.
    """
    splits = {TRAINING: data.train, VALIDATION: data.holdout, TEST: data.test}
    return tuple(_input(part, context, splits[context], name, path, data) for context in contexts)


def digest_of(split: SplitRecord) -> str:
    """Our fingerprint, as far as MLflow takes it."""
    return split.fingerprint[:LONGEST_DIGEST]


def _input(part: str, context: str, split: SplitRecord, name: str, path: object, data: DataRecord) -> Dataset:
    kind, source = _source(name, path)
    profile = {"num_rows": split.images, "num_classes": data.classes, "preprocessing": data.preprocessing}
    return Dataset(name, digest_of(split), kind, source, profile, _schema(data), part=part, context=context)


def _source(name: str, path: object) -> tuple[str, Mapping[str, Any]]:
    """A folder of the user's, or the code that makes a built-in one."""
    if path is not None:
        return "local", {"uri": str(path)}
    return "code", {"tags": {"mlflow.source.name": f"espalier: {name}", "mlflow.source.type": "LOCAL"}}


def _schema(data: DataRecord) -> Mapping[str, Any]:
    def tensors(shape: list[int], kind: str) -> str:
        return json.dumps([{"type": "tensor", "tensor-spec": {"dtype": kind, "shape": shape}}])

    features, targets = tensors([-1, *data.input_size], "float32"), tensors([-1], "int64")
    return {"mlflow_tensorspec": {"features": features, "targets": targets}}
