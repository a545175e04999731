"""A checkpoint written for other runtimes, read back and compared, with its model card."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.opening import is_checkpoint
from pruning.card import CARD, model_card
from pruning.checkpoint import ARCHITECTURE, WEIGHTS, PrunedModel, load_pruned, read_architecture, save_pruned
from pruning.errors import CheckpointError
from pruning.export import ExportFormat, difference, export
from pruning.models import create_model
from pruning.planning import build_plan
from pruning.recognising import recognised
from search.errors import ConfigError

OWN = "espalier"
"""The format that every verb here reads: model.safetensors and architecture.json."""
FORMATS = (*(kind.value for kind in ExportFormat), OWN)


@dataclass(frozen=True, slots=True)
class Written:
    """A model in one format.

    Attributes:
        kind: the format, one of `FORMATS`.
        path: the file, or the folder of a checkpoint.
        error: largest difference of the output that was read back from torch's, as a share of the largest output.
    """

    kind: str
    path: Path
    error: float

    @property
    def size(self) -> str:
        """Bytes on disk, in MiB."""
        files = [self.path / name for name in (WEIGHTS, ARCHITECTURE)] if self.path.is_dir() else [self.path]
        return f"{sum(file.stat().st_size for file in files) / 2**20:.2f} MiB"


def read_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """Read the formats, from options that may each hold several separated by commas.

    Raises:
        ConfigError: a format is not known, or there is none.
    """
    kinds = tuple(dict.fromkeys(part.strip() for given in formats for part in given.split(",") if part.strip()))
    for kind in kinds:
        if kind not in FORMATS:
            raise ConfigError(f"--format {kind!r} is not known: {', '.join(FORMATS)} would work.")
    if not kinds:
        raise ConfigError(f"--format is empty: {', '.join(FORMATS)} would work.")
    return kinds


def write_model(pruned: PrunedModel, source: Path, kind: str, out: Path) -> Written:
    """Write a model in one format, and compare its output there with torch's.

    Args:
        pruned: the model.
        source: the checkpoint that it was opened from.
        kind: one of `FORMATS`.
        out: the folder to write into.

    Raises:
        ConfigError: no checkpoint can be made of the model, or it would replace its own source.
        ExportError: the format's packages are missing, or its output is too far from torch's.
    """
    if kind == OWN:
        folder = _write_checkpoint(pruned, source, out)
        # Its own name: what is open already may be called again.
        reread = load_pruned(folder, trusted=(pruned.spec.name,))
        return Written(kind, folder, difference(pruned.module, reread.module, pruned.spec.input_size))
    made = export(pruned.module, pruned.spec.input_size, out / f"model.{kind}", ExportFormat(kind))
    return Written(kind, made.path, made.error)


def write_card(checkpoint: Path, out: Path, *, own: bool) -> Path | None:
    """Write the model card: the run's own if it lies beside the checkpoint, else what the checkpoint states.

    Args:
        checkpoint: the folder or file that the model was opened from.
        out: the folder to write into.
        own: whether `out` holds a checkpoint that was just written.

    Returns:
        The card; None for a published file of which no checkpoint was made.
    """
    card = out / CARD
    if (checkpoint / CARD).is_file():
        if not (card.exists() and card.samefile(checkpoint / CARD)):
            shutil.copyfile(checkpoint / CARD, card)
        return card
    if not own and not is_checkpoint(checkpoint):
        return None
    card.write_text(model_card(read_architecture(out if own else checkpoint)), encoding="utf-8")
    return card


def _write_checkpoint(pruned: PrunedModel, source: Path, out: Path) -> Path:
    try:
        pruned = recognised(pruned, str(source))
    except CheckpointError as error:
        raise ConfigError(
            f"{error}. So it cannot become a checkpoint folder; {', '.join(FORMATS[:-1])} would work."
        ) from error
    if not source.is_file() and out.exists() and out.samefile(source):
        raise ConfigError(f"--out {out} is the checkpoint itself: name another folder.")
    return save_opened(pruned, source, out)


def save_opened(pruned: PrunedModel, source: Path, out: Path) -> Path:
    """Write an opened model as a checkpoint folder.

    Args:
        pruned: the model; it knows which units it keeps, see `pruning.recognising`.
        source: what it was opened from.
        out: the folder.
    """
    plan = build_plan(create_model(pruned.spec), pruned.spec, verify=False)
    recipe = pruned.metadata.get("recipe", {"imported from": source.name})
    return save_pruned(pruned.module, plan, pruned.selection, out, recipe=recipe, preprocessing=pruned.preprocessing)
