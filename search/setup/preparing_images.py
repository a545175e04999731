"""How the images of a run are prepared: as its weights expect, as its user says, or as it began."""

from pruning.checkpoint import read_architecture
from pruning.errors import PreprocessingError
from pruning.preprocessing import Preprocessing, published_preprocessing
from search.errors import ConfigError
from search.setup.base_source import BaseSource, SourceKind
from search.setup.config import PREPARING, RunConfig
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
    if dataset.takes_preprocessing and begun is not None:
        return dataset if begun.preprocessing is None else dataset.prepared_by(Preprocessing(**begun.preprocessing))
    expected = None
    if dataset.takes_preprocessing:
        expected = published_preprocessing(model) if source.published else _of_checkpoint(source)
    return prepared_as_asked(config, config.dataset, dataset, expected)


def prepared_as_asked(config: RunConfig, name: str, dataset: Dataset, expected: Preprocessing | None) -> Dataset:
    """The dataset with its images prepared as some weights expect, but for what the user says.

    Args:
        config: holds the options.
        name: of the dataset.
        dataset: the same.
        expected: what the weights expect; None where nothing says.

    Raises:
        ConfigError: the dataset prepares its images in one way, or they cannot be prepared as asked.
    """
    changes = config.preprocessing_changes()
    if not dataset.takes_preprocessing:
        if changes:
            raise ConfigError(
                f"{_options(changes)} cannot be used with --dataset {name}, which prepares its images in its "
                "own way: leave that out, or choose a dataset of image files."
            )
        return dataset
    if expected is None and not changes:
        return dataset
    try:
        return dataset.prepared_by((expected or dataset.own_preprocessing).override(**changes))
    except PreprocessingError as error:
        raise ConfigError(f"{_options(changes)} cannot be used: {error}.") from error


def origin_words(config: RunConfig, used: Preprocessing, expected: Preprocessing | None) -> str:
    """Say where the preparation of images comes from: a checkpoint, options that replace its words, or neither.

    Args:
        config: holds the options.
        used: how images are prepared.
        expected: what the checkpoint says; None where there is none, or it says nothing.
    """
    changes = config.preprocessing_changes()
    rest = "the data set's own way" if expected is None else "from the checkpoint"
    if not changes:
        return rest
    against = {n: v for n in changes if expected is not None and (v := getattr(expected, n)) != getattr(used, n)}
    instead = f", where the checkpoint says {_options(against)}" if against else ""
    return f"{rest} but for {_options(changes)}{instead}"


def differing_options(used: Preprocessing, other: Preprocessing) -> str:
    """The options that would turn one preparation into the other; empty where they are the same."""
    return _options({n: v for n in PREPARING if (v := getattr(other, n)) != getattr(used, n)})


def _of_checkpoint(source: BaseSource) -> Preprocessing | None:
    """How the images were prepared that a checkpoint's weights were trained on; None where no checkpoint says."""
    if source.kind is not SourceKind.CHECKPOINT or source.path is None:
        return None
    return read_architecture(source.path).preprocessing


def _options(changes: dict[str, object]) -> str:
    def shown(value: object) -> str:
        return ",".join(f"{part:g}" for part in value) if isinstance(value, tuple) else str(value)

    return " ".join(f"--{name.replace('_', '-')} {shown(value)}" for name, value in changes.items())
