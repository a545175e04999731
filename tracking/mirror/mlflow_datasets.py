"""A dataset as MLflow takes it for an input of a run."""

import json
from typing import Any

from tracking.mirror.data_inputs import LONGEST_DIGEST
from tracking.mirror.operations import Dataset

_CONTEXT_TAG = "mlflow.data.context"


def dataset_input(dataset: Dataset) -> Any:
    """Convert to an `mlflow.entities.DatasetInput`, with the context that it is used in."""
    from mlflow.entities import Dataset as Entity
    from mlflow.entities import DatasetInput, InputTag

    entity = Entity(
        dataset.name,
        dataset.digest[:LONGEST_DIGEST],
        dataset.source_type,
        json.dumps(dataset.source),
        schema=json.dumps(dataset.schema) if dataset.schema else None,
        profile=json.dumps(dataset.profile),
    )
    return DatasetInput(entity, [InputTag(_CONTEXT_TAG, dataset.context)] if dataset.context else [])
