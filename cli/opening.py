"""From what a user points at to a pruned model: one of our checkpoints, or a file that others published."""

from dataclasses import dataclass
from pathlib import Path

from pruning.checkpoint import ARCHITECTURE, PrunedModel, load_pruned
from pruning.foreign import open_foreign
from pruning.models import ModelSpec, published_spec
from pruning.outputs import check_logits
from search.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says about a model.

    Attributes:
        checkpoint: a folder of ours, or a published .pth, .pt or .safetensors file.
        model: the architecture; a published file needs it, and a folder of ours must not contradict it.
        num_classes, input_size: of a published file, where they are not the architecture's own.
        output: which tensor of a published file's output holds the logits, where convention would not find it.
    """

    checkpoint: Path
    model: str | None = None
    num_classes: int | None = None
    input_size: int | None = None
    trust_pickle: bool = False
    output: str | None = None


def open_model(asked: Asked, spec: ModelSpec | None = None) -> PrunedModel:
    """The model that was asked for. `spec`, if given, is what a published file is taken to be.

    Raises:
        ConfigError: the options contradict the checkpoint, or do not say enough to open it.
        CheckpointError: it cannot be opened, or is not what it says it is.
        OutputError: the output that was named does not hold its logits.
    """
    if not asked.checkpoint.is_file():
        return _own(asked)
    if asked.model is None:
        raise ConfigError(
            f"--checkpoint {asked.checkpoint} is a file, and a file of weights does not say of which architecture: "
            "name it with --model. A folder of ours says so itself."
        )
    spec = spec or published_spec(
        asked.model, num_classes=asked.num_classes, input_size=asked.input_size, output=asked.output
    )
    pruned = open_foreign(asked.checkpoint, spec, trust_pickle=asked.trust_pickle)
    if asked.output is not None:
        check_logits(pruned.module, spec)
    return pruned


def is_checkpoint(path: str | Path) -> bool:
    """Whether this is a folder that one of our checkpoints lies in."""
    return (Path(path) / ARCHITECTURE).is_file()


def _own(asked: Asked) -> PrunedModel:
    given = {"--num-classes": asked.num_classes, "--input-size": asked.input_size, "--output": asked.output}
    extra = [f"{name} {value}" for name, value in given.items() if value is not None]
    if extra:
        raise ConfigError(
            f"{' and '.join(extra)} cannot be asked of {asked.checkpoint}: a checkpoint says itself what it is. Leave "
            "it out."
        )
    pruned = load_pruned(asked.checkpoint)
    if asked.model is not None and asked.model != pruned.spec.name:
        raise ConfigError(
            f"--model {asked.model} and --checkpoint {asked.checkpoint} contradict each other: the checkpoint holds a "
            f"{pruned.spec.name}. Leave --model out."
        )
    return pruned
