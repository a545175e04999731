"""Writes what a verb trained or scored to MLflow, where its options ask for that."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.console import say_aside
from search.errors import ConfigError
from tracking.uris import without_password

if TYPE_CHECKING:
    from pruning.checkpoint import PrunedModel
    from pruning.preprocessing import Preprocessing
    from trainers.evaluate import Evaluation
    from trainers.history import History
    from trainers.recipe import Recipe

RecordUriOption = Annotated[
    str | None, typer.Option("--tracking-uri", help="Write figures, data and model to this MLflow store.")
]
RecordExperimentOption = Annotated[str | None, typer.Option("--experiment", help="MLflow experiment.")]
RegisterOption = Annotated[
    str | None, typer.Option("--register", help="Registered model in MLflow of which the result becomes a version.")
]


@dataclass(frozen=True, slots=True)
class Recording:
    """Where a verb records what it did.

    Attributes:
        uri: The store; None for MLflow's own variable, or the default beside the folder of runs.
        experiment: None for the default.
        register: The registered model; None for none.
    """

    uri: str | None = None
    experiment: str | None = None
    register: str | None = None

    @property
    def is_asked(self) -> bool:
        """Whether anything is to be recorded: a verb that says nothing of MLflow writes nothing to it."""
        return self.uri is not None or self.register is not None

    def check(self) -> None:
        """Refuse, before anything is computed, what could not be recorded after it.

        Raises:
            ConfigError: an option is of no use.
            MlflowUnreachableError: the store does not answer.
        """
        if self.experiment is not None and not self.is_asked:
            raise ConfigError(f"--experiment {self.experiment} says where to record: add --tracking-uri.")
        if self.register is not None and (not self.register or set("/:") & set(self.register)):
            raise ConfigError(f"--register {self.register!r} is no name of a model in MLflow: omit / and : in it.")
        if self.is_asked:
            from tracking.mirror.mlflow_store import connect

            connect(self._place().uri, create=True)

    def finetuned(
        self, model: Path, history: "History", recipe: "Recipe", data: Mapping[str, Any], wall_s: float
    ) -> None:
        """Record a fine-tune.

        Args:
            model: the folder of the trained model.
            history: its epochs.
            recipe: by which it was trained.
            data: `dataset`, `data_path` and `seed`.
            wall_s: seconds that it took.
        """
        if not self.is_asked:
            return
        from pruning.checkpoint import read_architecture
        from tracking.mirror.data_inputs import TRAINING, VALIDATION, as_training, digest_of, inputs
        from tracking.mirror.jobs import Job, key_of
        from tracking.mirror.mlflow_models import weights_of
        from tracking.mirror.models import Checkpoint, Score
        from tracking.mirror.naming import allowed
        from tracking.mirror.operations import RUN, Point
        from tracking.mirror.params import flatten

        architecture, now = read_architecture(model), round(time.time() * 1000)
        name, record = (
            str(data["dataset"]),
            _data_record(data, architecture.spec.input_size, architecture.preprocessing),
        )
        key = key_of("finetune", weights_of(model), sorted(data.items(), key=str))
        holdout = (name, digest_of(record.holdout))
        points = []
        for epoch in history:
            figures = {
                "train_loss": epoch.train_loss,
                "holdout_accuracy": epoch.holdout_accuracy,
                "holdout_loss": epoch.holdout_loss,
                "trained_holdout_accuracy": epoch.trained_holdout_accuracy,
                "lr": epoch.lr,
                "wall_s": epoch.wall_s,
                "images_per_s": epoch.images_per_s,
            }
            points += [Point(k, value, epoch.epoch, now) for k, value in figures.items() if value is not None]
        scores = [Score("macs", architecture.macs, now), Score("params", architecture.params, now)]
        if history[-1].holdout_accuracy is not None:
            scores.append(Score("holdout_accuracy", history[-1].holdout_accuracy, now, holdout))
        params = flatten({"model": architecture.spec.name, **_plain(data), "recipe": recipe.model_dump(mode="json")})
        metadata = {"macs": architecture.macs, "params": architecture.params, "preprocessing": record.preprocessing}
        parts = inputs(RUN, (TRAINING, VALIDATION), name, data["data_path"], record)
        made = Checkpoint(
            what="finetuned",
            folder=model.name,
            name=allowed(f"{architecture.spec.name} finetuned"),
            params={"architecture": architecture.spec.name},
            scores=tuple(scores),
            metadata=metadata,
            register=self.register,
        )
        self._write(
            Job(
                key=key,
                verb="finetune",
                name=f"fine-tune · {architecture.spec.name} · {name}",
                started_ms=now - round(wall_s * 1000),
                ended_ms=now,
                params=params,
                points=tuple(points),
                inputs=as_training(parts) if recipe.train_on_holdout else parts,
                made=(made, model),
            ),
            architecture.spec.name,
        )

    def evaluated(
        self, checkpoint: Path, pruned: "PrunedModel", data: Mapping[str, Any], score: "Evaluation", latency_ms: float
    ) -> None:
        """Record an evaluation on the test set, linked to the model if MLflow has one of the same weights.

        Args:
            checkpoint: what was scored, a folder or a published file.
            pruned: the same, opened.
            data: `dataset` and `data_path`.
            score: on the test set.
            latency_ms: the median.
        """
        if not self.is_asked:
            return
        from tracking.mirror.data_inputs import TEST, digest_of, inputs
        from tracking.mirror.jobs import Job, key_of
        from tracking.mirror.models import Score
        from tracking.mirror.operations import RUN, Point
        from tracking.mirror.params import flatten

        now, name = round(time.time() * 1000), str(data["dataset"])
        record = _data_record({**data, "seed": 0}, pruned.spec.image_size, pruned.preprocessing)
        test = (name, digest_of(record.test))
        figures = {"accuracy": score.accuracy, "loss": score.loss, "macs": pruned.macs, "params": pruned.params}
        scores = [Score(k, value, now, test if k in ("accuracy", "loss") else None) for k, value in figures.items()]
        scores.append(Score("latency_median_ms", latency_ms, now))
        self._write(
            Job(
                key=key_of("evaluate", str(checkpoint.absolute()), score.correct, score.loss, test),
                verb="evaluate",
                name=f"evaluate · {pruned.spec.name} · {name} · {100 * score.accuracy:.2f} %",
                started_ms=now,
                ended_ms=now,
                params=flatten({"model": pruned.spec.name, "checkpoint": str(checkpoint), **_plain(data)}),
                points=tuple(Point(one.key, one.value, 0, now) for one in scores),
                inputs=inputs(RUN, (TEST,), name, data["data_path"], record),
                read=checkpoint if checkpoint.is_dir() else None,
                scores=tuple(scores),
            ),
            pruned.spec.name,
        )

    def _place(self) -> Any:
        from tracking.stores import destination_of_new

        return destination_of_new(self.uri, self.experiment, Path("runs"))

    def _write(self, job: Any, model: str) -> None:
        from search.outcome.mirrored import making
        from tracking.mirror.jobs import write_job

        place = self._place()
        run = write_job(job, place.uri, place.experiment, making((model,)))
        say_aside(f"MLflow   {without_password(place.uri)}: run {run} in {place.experiment}")


def _plain(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in data.items()}


def _data_record(data: Mapping[str, Any], input_size: Any, preprocessing: "Preprocessing | None") -> Any:
    from search.steps.base import data_record
    from trainers.datasets.registry import dataset

    found = dataset(str(data["dataset"]), preprocessing)
    return data_record(found.splits(data["data_path"], seed=int(data["seed"]), input_size=tuple(input_size)))
