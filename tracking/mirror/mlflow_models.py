"""Writes the checkpoints of a run to MLflow as logged models, and the winner to the registry.

A model is found by its tags: the run, what it is of the run, and the hash of its weights. So a repeated or interrupted
sync completes what is there, and makes no second one.
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ground.files import file_hash
from tracking.making import Making
from tracking.mirror.mlflow_store import Store
from tracking.mirror.model_folder import PROGRAM, write_model_folder
from tracking.mirror.models import Checkpoint

RUN_TAG, WHAT_TAG, WEIGHTS_TAG = "espalier.run_id", "espalier.model", "espalier.weights"
_MODEL_ID_TAG = "espalier.model_id"
_VERSIONS_TAG = "mlflow.modelVersions"
"""The tag by which MLflow's page shows the registered versions of a model."""
_WEIGHTS = "model.safetensors"
_TYPE, _READY = "image classifier", "READY"


class ModelWriter:
    """Writes the models of one run.

    Args:
        store: The open store.
        experiment_id: MLflow's id of the experiment.
        run_id: The id of the run.
        making: Makes the programs.
    """

    def __init__(self, store: Store, experiment_id: str, run_id: str, making: Making) -> None:
        self._store, self._client = store, store.client
        self._experiment_id, self._run_id, self._making = experiment_id, run_id, making

    def put(self, checkpoint: Checkpoint, folder: Path, mlflow_run_id: str) -> None:
        """Write a model with all that is known of it, as far as MLflow lacks it.

        Args:
            checkpoint: What to write.
            folder: The checkpoint's own folder.
            mlflow_run_id: MLflow's id of the run that made it.
        """
        weights = weights_of(folder)
        model = self._find(checkpoint, weights) or self._client.create_logged_model(
            self._experiment_id,
            name=checkpoint.name,
            source_run_id=mlflow_run_id,
            tags={RUN_TAG: self._run_id, WHAT_TAG: checkpoint.what, WEIGHTS_TAG: weights},
            params=dict(checkpoint.params),
            model_type=_TYPE,
        )
        if model.status != _READY:
            self._upload(model, checkpoint, folder, mlflow_run_id)
        self._link(model, mlflow_run_id)
        self._score(model, checkpoint, mlflow_run_id)
        if model.status != _READY:
            self._client.finalize_logged_model(model.model_id, _READY)
        if checkpoint.register is not None:
            self._register(checkpoint.register, model, mlflow_run_id)

    def _find(self, checkpoint: Checkpoint, weights: str) -> Any:
        found = self._models(f"tags.`{RUN_TAG}` = '{self._run_id}'")
        return next(
            (
                model
                for model in found
                if model.tags.get(WHAT_TAG) == checkpoint.what and model.tags.get(WEIGHTS_TAG) == weights
            ),
            None,
        )

    def _models(self, query: str) -> Iterator[Any]:
        token: str | None = None
        while True:
            page = self._client.search_logged_models([self._experiment_id], query, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _upload(self, model: Any, checkpoint: Checkpoint, folder: Path, mlflow_run_id: str) -> None:
        with tempfile.TemporaryDirectory(prefix="espalier-model-") as made:
            draft = Path(made)
            (draft / PROGRAM).parent.mkdir()
            program = self._making.program(folder, draft / PROGRAM)
            ids = {"model_id": model.model_id, "run_id": mlflow_run_id}
            write_model_folder(draft, program, ids, checkpoint.metadata)
            self._client.log_model_artifacts(model.model_id, str(draft))

    def _link(self, model: Any, mlflow_run_id: str) -> None:
        """Show the model among the outputs of its run; MLflow would show it twice if it were named twice."""
        from mlflow.entities import LoggedModelOutput

        outputs = self._client.get_run(mlflow_run_id).outputs
        if model.model_id not in {output.model_id for output in (outputs.model_outputs if outputs else [])}:
            self._client.log_outputs(mlflow_run_id, [LoggedModelOutput(model.model_id, step=0)])

    def _score(self, model: Any, checkpoint: Checkpoint, mlflow_run_id: str) -> None:
        """Log what was measured of the model with the data that it was measured on."""
        from mlflow.entities import Metric

        known = {(metric.key, metric.value) for metric in model.metrics or ()}
        metrics = []
        for score in checkpoint.scores:
            name, digest = score.dataset or (None, None)
            if (score.key, score.value) not in known:
                metrics.append(
                    Metric(
                        score.key,
                        score.value,
                        score.time_ms,
                        0,
                        model_id=model.model_id,
                        dataset_name=name,
                        dataset_digest=digest,
                        run_id=mlflow_run_id,
                    )
                )
        if metrics:
            self._client.log_batch(mlflow_run_id, metrics)

    def _register(self, name: str, model: Any, mlflow_run_id: str) -> None:
        """Make a version of a registered model, unless there is one of this model."""
        from mlflow.exceptions import MlflowException

        quoted = name.replace("'", "''")
        versions = self._client.search_model_versions(f"name = '{quoted}'")
        made = next((version for version in versions if version.tags.get(_MODEL_ID_TAG) == model.model_id), None)
        if made is None:
            try:
                self._client.create_registered_model(name)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            tags = {_MODEL_ID_TAG: model.model_id, RUN_TAG: self._run_id}
            made = self._client.create_model_version(name, self._source(model), run_id=mlflow_run_id, tags=tags)
        shown = json.dumps([{"name": name, "version": int(made.version)}])
        if model.tags.get(_VERSIONS_TAG) != shown:
            self._client.set_logged_model_tags(model.model_id, {_VERSIONS_TAG: shown})

    def _source(self, model: Any) -> str:
        """Where the files of a version are.

        A server knows its models by their ids. Of a database, MLflow would look the id up in the store that is the
        process's own, which may be another.
        """
        is_server = self._store.uri.startswith("http")
        return f"models:/{model.model_id}" if is_server else str(model.artifact_location)


def weights_of(folder: Path) -> str:
    """What identifies the weights of a checkpoint folder, as the tag of its model says it."""
    return file_hash(folder / _WEIGHTS)[:16]
