"""How the images of a run are prepared: as its weights expect, as its user says, or as it began."""

from pruning.checkpoint import read_architecture
from pruning.errors import PreprocessingError
from pruning.preprocessing import Preprocessing, published_preprocessing
from search.errors import ConfigError
from search.setup.base_source import BaseSource, SourceKind
from search.setup.config import RunConfig
from tracking.payloads import PlanReady
from trainers.datasets.base import Dataset


def prepared_dataset(
    config: RunConfig, source: BaseSource, dataset: Dataset, model: str, begun: PlanReady | None = None
) -> Dataset:
    """The dataset with its images prepared for the base of a run.

    Args:
        config: of the run.
        source: where its base comes from: published weights say what they expect.
        dataset: that it names.
        model: the full name of the model that it names.
        begun: what the ledger of a run that goes on holds: images stay as they were.

    Raises:
        ConfigError: the dataset prepares its images in one way, or they cannot be prepared as asked.
    """
    changes = config.preprocessing_changes()
    if not dataset.takes_preprocessing:
        if changes:
            raise ConfigError(
                f"{_options(changes)} cannot be used with --dataset {config.dataset}, which prepares its images in its "
                "own way: leave that out, or choose a dataset of image files."
            )
        return dataset
    if begun is not None:
        return dataset if begun.preprocessing is None else dataset.prepared_by(Preprocessing(**begun.preprocessing))
    expected = published_preprocessing(model) if source.published else _of_checkpoint(source)
    if expected is None and not changes:
        return dataset
    try:
        return dataset.prepared_by((expected or dataset.own_preprocessing).override(**changes))
    except PreprocessingError as error:
        raise ConfigError(f"{_options(changes)} cannot be used: {error}.") from error


def _of_checkpoint(source: BaseSource) -> Preprocessing | None:
    """How the images were prepared that a checkpoint's weights were trained on; None where no checkpoint says."""
    if source.kind is not SourceKind.CHECKPOINT or source.path is None:
        return None
    return read_architecture(source.path).preprocessing


def _options(changes: dict[str, object]) -> str:
    def shown(value: object) -> str:
        return ",".join(f"{part:g}" for part in value) if isinstance(value, tuple) else str(value)

    return " ".join(f"--{name.replace('_', '-')} {shown(value)}" for name, value in changes.items())
