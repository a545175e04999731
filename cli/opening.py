"""From what a user names to a pruned model: a checkpoint of Espalier, or a file that others published."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from cli.console import say_aside
from pruning.checkpoint import ARCHITECTURE, WEIGHTS, PrunedModel, load_pruned, read_architecture
from pruning.foreign import open_foreign
from pruning.inputs import parse_input_size
from pruning.models import ModelSpec, full_name, published_spec
from pruning.outputs import check_logits
from search.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ModelSource:
    """What the command line says about a model.

    Attributes:
        checkpoint: a checkpoint folder, or a published .pth, .pt or .safetensors file.
        model: the architecture. A published file needs it; a checkpoint folder must not contradict it.
        num_classes: of a published file, where it is not the architecture's own number.
        input_size: side of the square input of a published file, in pixels, where it is not the architecture's own.
        trust_pickle: whether a whole pickled module may be opened, which runs its author's code.
        trusted: factories that a checkpoint folder may name as its model; `model` counts as one of them.
        input_shape: the shape of any input, or of several, as text.
        output: which tensor of a published file's output holds the logits, where convention would not find it.
    """

    checkpoint: Path
    model: str | None = None
    num_classes: int | None = None
    input_size: int | None = None
    trust_pickle: bool = False
    output: str | None = None
    trusted: Collection[str] = ()
    input_shape: str | None = None


def open_model(source: ModelSource, spec: ModelSpec | None = None) -> PrunedModel:
    """Open the model that the command line names.

    Args:
        source: what was asked for.
        spec: what a published file is taken to be; None takes the published sizes of its architecture.

    Raises:
        ConfigError: the options contradict the checkpoint, or do not say enough to open it.
        UntrustedFactoryError: a checkpoint folder names a factory that the command line does not.
        CheckpointError: it cannot be opened, or is not what it says it is.
        OutputError: the output that was named does not hold its logits.
    """
    if not source.checkpoint.exists():
        raise ConfigError(f"--checkpoint {source.checkpoint}: there is no file and no folder of that name.")
    if not source.checkpoint.is_file():
        return _open_checkpoint(source)
    if source.model is None:
        raise ConfigError(
            f"--checkpoint {source.checkpoint} is a file, and a file of weights does not state its architecture: "
            "name it with --model. A checkpoint folder states its own."
        )
    spec = spec or published_spec(
        source.model,
        num_classes=source.num_classes,
        input_size=source.input_size,
        output=source.output,
        input_shape=None if source.input_shape is None else parse_input_size(source.input_shape),
    )
    pruned = open_foreign(source.checkpoint, spec, trust_pickle=source.trust_pickle)
    for note in pruned.notes:
        say_aside(note)
    if source.output is not None:
        check_logits(pruned.module, spec)
    return pruned


def bytes_of(checkpoint: Path) -> int:
    """The size of a checkpoint on the disk: of its two files, or of a published file."""
    files = [checkpoint] if checkpoint.is_file() else [checkpoint / WEIGHTS, checkpoint / ARCHITECTURE]
    return sum(file.stat().st_size for file in files)


def is_checkpoint(path: str | Path) -> bool:
    """Whether this is a checkpoint folder of Espalier."""
    return (Path(path) / ARCHITECTURE).is_file()


def _open_checkpoint(source: ModelSource) -> PrunedModel:
    given = {
        "--num-classes": source.num_classes,
        "--input-size": source.input_size,
        "--input-shape": source.input_shape,
        "--output": source.output,
    }
    extra = [f"{name} {value}" for name, value in given.items() if value is not None]
    if extra:
        raise ConfigError(
            f"{' and '.join(extra)} cannot be asked of {source.checkpoint}: a checkpoint folder states its own. "
            "Leave it out."
        )
    name = read_architecture(source.checkpoint).spec.name
    if source.model is not None and full_name(source.model) != name:
        raise ConfigError(
            f"--model {source.model} and --checkpoint {source.checkpoint} contradict each other: the checkpoint holds "
            f"a {name}. Leave --model out."
        )
    return load_pruned(source.checkpoint, trusted=(*source.trusted, *filter(None, [source.model])))
