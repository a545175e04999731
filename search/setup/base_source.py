"""What `--base` names: where the base model of a search comes from."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pruning.checkpoint import ARCHITECTURE
from pruning.heads import published_classes
from pruning.models import ModelSpec
from pruning.weights import SUFFIXES
from search.errors import ConfigError
from search.setup.config import RunConfig
from search.setup.paths import expand

BUILT_IN = frozenset({"digits", "shapes"})
"""Datasets small enough to train a base on as part of a run."""


class SourceKind(StrEnum):
    """The ways to obtain a base model."""

    TRAIN = "train"
    PRETRAINED = "pretrained"
    FILE = "file"
    HEAD = "head"
    CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True)
class BaseSource:
    """One of the ways to obtain a base model.

    Attributes:
        kind: which one.
        path: of the weights, or of the checkpoint folder; None where they are published or trained here.
        head_epochs: for how many epochs a new head is trained.
    """

    kind: SourceKind
    path: Path | None = None
    head_epochs: int | None = None

    @property
    def published(self) -> bool:
        """Whether the weights are published ones, which expect images to be prepared in their way."""
        return self.kind is SourceKind.PRETRAINED or (self.kind is SourceKind.HEAD and self.path is None)

    @property
    def is_trained_here(self) -> bool:
        """Whether a recipe matters to it."""
        return self.kind in (SourceKind.TRAIN, SourceKind.HEAD)


def check_source(config: RunConfig) -> BaseSource:
    """Work out what `--base` means.

    Raises:
        ConfigError: it names a file that is not there, or of another kind.
    """
    given = config.base or ("train" if config.dataset in BUILT_IN else "pretrained")
    if given in (SourceKind.TRAIN, SourceKind.PRETRAINED):
        return BaseSource(SourceKind(given))
    if given.partition(":")[0] == SourceKind.HEAD:
        return _head_source(given)
    path = Path(given)
    if (path / ARCHITECTURE).is_file():
        return BaseSource(SourceKind.CHECKPOINT, path)
    if not path.is_file():
        raise ConfigError(
            f"--base {given!r} is neither `train`, nor `pretrained`, nor `head:EPOCHS`, nor a file that is there: give "
            f"one of the words, the path of a file that holds the base model's weights ({', '.join(SUFFIXES)}), or the "
            "folder of a checkpoint that `launch.py train` wrote."
        )
    return BaseSource(SourceKind.FILE, path)


def _head_source(given: str) -> BaseSource:
    """`head:EPOCHS` is a new head on the published trunk, `head:EPOCHS:FILE` one on the trunk in a file."""
    _, epochs, file = (*given.split(":", 2), "", "")[:3]
    if not (epochs.isascii() and epochs.isdecimal() and int(epochs) > 0):
        raise ConfigError(
            f"--base {given!r} does not say for how many epochs the new head is trained: head:5 trains it for five on "
            "the published trunk, head:5:FILE on the trunk in a file of weights."
        )
    if not file:
        return BaseSource(SourceKind.HEAD, None, int(epochs))
    path = Path(expand(file))
    if not path.is_file():
        raise ConfigError(f"--base {given!r} names the file {str(path)!r}, which is not there.")
    return BaseSource(SourceKind.HEAD, path, int(epochs))


def check_head(source: BaseSource, spec: ModelSpec, dataset: str) -> None:
    """Check that published weights have a head for the classes of the dataset, or that they have a new one.

    Raises:
        ConfigError: they have not, or no weights are published.
    """
    published = published_classes(spec.name)
    if source.kind is SourceKind.PRETRAINED and published not in (None, spec.num_classes):
        raise ConfigError(
            f"--base pretrained: the published weights of {spec.name} are for {published:,} classes, and the dataset "
            f"{dataset!r} has {spec.num_classes:,}. {WAYS_TO_A_HEAD}"
        )
    if source.kind is SourceKind.HEAD and source.path is None and published is None:
        raise ConfigError(
            f"--base head:{source.head_epochs}: for how many classes the weights of {spec.name} were published is not "
            "known here. head:EPOCHS:FILE takes the trunk from a file of weights."
        )


WAYS_TO_A_HEAD = (
    "--base head:EPOCHS keeps the trunk and trains a new head on it for so many epochs, as in head:5; "
    "--base train trains the whole model from scratch."
)
